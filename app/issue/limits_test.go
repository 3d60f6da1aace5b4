package issue_test

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/app/issue"
	"github.com/offload/sessiond/domain/failure"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// refusalOf returns err as a refusal.
func refusalOf(t *testing.T, err error) *throttle.Refusal {
	t.Helper()
	refusal, ok := errors.AsType[*throttle.Refusal](err)
	require.True(t, ok, "a refusal: %v", err)
	return refusal
}

// dimensions returns the dimensions that a decision has states for.
func dimensions(decision throttle.Decision) (all []throttle.Dimension) {
	for i := range decision.Len() {
		all = append(all, decision.At(i).Check.Dimension)
	}
	return all
}

func TestLimitsOfEachDimension(t *testing.T) {
	for _, dimension := range throttle.Dimensions() {
		assert.Positive(t, limits.Of(dimension), dimension.String())
	}
	assert.Zero(t, limits.Of(throttle.Dimension(200)))
}

func TestEnforcesTheLimits(t *testing.T) {
	f := newFixture(t)
	for range 4 {
		_, err := f.issue(t, "install-1")
		require.NoError(t, err)
	}
	_, err := f.issue(t, "install-1")
	refusal := refusalOf(t, err)
	assert.Equal(t, throttle.ByInstall, refusal.Dimension)
	assert.Equal(t, 60, refusal.RetryAfterSeconds())
	assert.Equal(t, failure.RateLimited, failure.KindOf(err))
	for range 4 {
		_, err := f.issue(t, "install-2")
		require.NoError(t, err, "the refused request took nothing from the address")
	}
	_, err = f.issue(t, "install-3")
	assert.Equal(t, throttle.ByAddress, refusalOf(t, err).Dimension)
	f.advance(time.Minute)
	_, err = f.issue(t, "install-3")
	require.NoError(t, err)
}

func TestEnforcesTheLimitOfANetwork(t *testing.T) {
	f := newFixture(t)
	for i := range limits.PerNetwork {
		client := netip.AddrFrom4([4]byte{203, 0, 113, byte(i)})
		_, err := f.issueTo(t, client, fmt.Sprintf("install-%d", i))
		require.NoError(t, err)
	}
	_, err := f.issueTo(t, netip.MustParseAddr("203.0.113.255"), "install-99")
	refusal := refusalOf(t, err)
	assert.Equal(t, throttle.ByNetwork, refusal.Dimension)
	assert.Equal(t, limits.PerAddress, refusal.Decision.At(0).Remaining)
	_, err = f.issueTo(t, netip.MustParseAddr("203.0.112.255"), "install-99")
	require.NoError(t, err, "another network")
}

func TestWhichLimitsAreChecked(t *testing.T) {
	byPrefix := func(bits int) change {
		return func(_ *fixture, parts *issue.Parts) { parts.Limits.IPv6Prefix = bits }
	}
	unlimited := func(_ *fixture, parts *issue.Parts) { parts.Limits.PerNetwork = 0 }
	all := []throttle.Dimension{throttle.ByAddress, throttle.ByNetwork, throttle.ByInstall}
	withoutNetwork := []throttle.Dimension{throttle.ByAddress, throttle.ByInstall}
	for _, c := range []struct {
		name, client string
		change       change
		want         []throttle.Dimension
	}{
		{"IPv4", "203.0.113.5", byPrefix(64), all},
		{"IPv4, IPv6 by /32", "203.0.113.5", byPrefix(32), all},
		{"IPv4, networks not limited", "203.0.113.5", unlimited, withoutNetwork},
		{"IPv6 by /64", "2001:db8::1", byPrefix(64), all},
		{"IPv6 by /49", "2001:db8::1", byPrefix(49), all},
		{"IPv6 by /48", "2001:db8::1", byPrefix(48), withoutNetwork},
		{"IPv6, networks not limited", "2001:db8::1", unlimited, withoutNetwork},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t, c.change)
			client := netip.MustParseAddr(c.client)
			issued, err := f.issueTo(t, client, "install-1")
			require.NoError(t, err)
			assert.Equal(t, c.want, dimensions(issued.Decision))
			renewed, err := f.issueTo(t, client, "install-1", "Bearer "+issued.Token)
			require.NoError(t, err)
			assert.Equal(t, []throttle.Dimension{throttle.ByRenewal, throttle.ByRenewalAddress},
				dimensions(renewed.Decision))
		})
	}
}

func TestRecordsARefusalOnceWithoutTheInstallID(t *testing.T) {
	f := newFixture(t)
	for range 5 {
		_, _ = f.issue(t, "install-1")
	}
	require.Len(t, f.events, 5)
	assert.Equal(t, ports.IssuanceThrottled{
		Dimension: throttle.ByInstall, Mode: ports.Enforce, RetryAfterSeconds: 60,
		Install: throttle.NewDigester([]byte("digest key")).Subject(throttle.ByInstall,
			"install-1"),
	}, f.events[4])
}

func TestRenewalHasLimitsOfItsOwn(t *testing.T) {
	f := newFixture(t)
	first, err := f.issue(t, "install-1")
	require.NoError(t, err)
	for i := range 7 {
		_, err := f.issue(t, "other-install-"+string(rune('a'+i)))
		require.NoError(t, err)
	}
	_, err = f.issue(t, "install-9")
	require.Error(t, err, "the address is at its limit")
	before := len(f.clock.NowCalls())
	_, err = f.issue(t, "install-1", "Bearer "+first.Token)
	require.NoError(t, err)
	assert.Equal(t, before+1, len(f.clock.NowCalls()), "key, renewal and claims agree on the time")
	assert.Equal(t, ports.SessionIssued{Renewed: true}, f.events[len(f.events)-1])
	_, err = f.issue(t, "install-1", "Bearer "+first.Token)
	require.NoError(t, err)
	_, err = f.issue(t, "install-1", "Bearer "+first.Token)
	refusal := refusalOf(t, err)
	assert.Equal(t, throttle.ByRenewal, refusal.Dimension)
	assert.Equal(t, 60, refusal.RetryAfterSeconds(), "not spread: the installation is alone")
}

// TestStrangerCannotBarARenewal has a stranger who knows an install id exhaust every limit that
// this knowledge allows, from many addresses, including that of the holder, who can still renew.
func TestStrangerCannotBarARenewal(t *testing.T) {
	f := newFixture(t)
	held, err := f.issue(t, "install-1")
	require.NoError(t, err)
	for i := range 100 {
		_, _ = f.issueTo(t, netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}), "install-1")
		_, _ = f.issue(t, "install-1", "Bearer "+held.Token+"x")
		_, _ = f.issue(t, fmt.Sprintf("install-of-stranger-%d", i))
	}
	for range limits.RenewalsPerInstall {
		_, err = f.issue(t, "install-1", "Bearer "+held.Token)
		require.NoError(t, err)
	}
}

// TestRenewalsAreLimitedByAddress has one address renew many sessions that it has collected.
func TestRenewalsAreLimitedByAddress(t *testing.T) {
	f := newFixture(t)
	renewed := 0
	for i := range 3 * limits.RenewalsPerAddress {
		id := fmt.Sprintf("install-%d", i)
		collected, err := f.issueTo(t, netip.AddrFrom4([4]byte{198, 51, byte(i), 1}), id)
		require.NoError(t, err)
		_, err = f.issue(t, id, "Bearer "+collected.Token)
		if err == nil {
			renewed++
			continue
		}
		assert.Equal(t, throttle.ByRenewalAddress, refusalOf(t, err).Dimension)
	}
	assert.Equal(t, limits.RenewalsPerAddress, renewed)
}

// TestSpreadsTheReturnOfACrowd refuses many installations at once, by the limit of an address that
// they share: their waits are spread evenly over the window.
func TestSpreadsTheReturnOfACrowd(t *testing.T) {
	f := newFixture(t)
	for i := range limits.PerAddress {
		_, err := f.issue(t, fmt.Sprintf("install-%d", i))
		require.NoError(t, err)
	}
	waits := map[int]int{}
	for i := range 6000 {
		id := fmt.Sprintf("install-of-crowd-%d", i)
		_, err := f.issue(t, id)
		refusal := refusalOf(t, err)
		waits[refusal.RetryAfterSeconds()]++
		assert.Equal(t, time.Minute, refusal.Decision.At(0).ResetAfter, "exact")
		_, err = f.issue(t, id)
		assert.Equal(t, refusal.RetryAfter, refusalOf(t, err).RetryAfter, "the same each time")
		throttled, ok := f.events[len(f.events)-1].(ports.IssuanceThrottled)
		require.True(t, ok)
		assert.Equal(t, refusal.RetryAfterSeconds(), throttled.RetryAfterSeconds)
	}
	for wait, count := range waits {
		assert.True(t, wait > 60 && wait <= 120, "%d s", wait)
		assert.InDelta(t, 100, count, 50, "%d s", wait)
	}
	assert.Len(t, waits, 60)
}

func TestObserveRefusesNothing(t *testing.T) {
	f := newFixture(t, observe)
	for range 4 {
		issued, err := f.issue(t, "install-1")
		require.NoError(t, err)
		assert.True(t, issued.Decision.Decided())
	}
	issued, err := f.issue(t, "install-1")
	require.NoError(t, err)
	assert.NotEmpty(t, issued.Token)
	assert.False(t, issued.Decision.Decided(), "no grant was taken, so there is no decision")
	require.Len(t, f.events, 6)
	throttled, ok := f.events[4].(ports.IssuanceThrottled)
	require.True(t, ok)
	assert.Equal(t, ports.Observe, throttled.Mode)
	f.advance(time.Minute)
	_, err = f.issue(t, "install-1")
	require.NoError(t, err)
}

func TestStorageSeesOnlyDigests(t *testing.T) {
	for _, c := range []struct {
		name          string
		first, second string
		same          bool
	}{
		{"one address", "203.0.113.5", "203.0.113.5", true},
		{"the same address mapped to IPv6", "203.0.113.5", "::ffff:203.0.113.5", true},
		{"the same address behind NAT64", "203.0.113.5", "64:ff9b::203.0.113.5", true},
		{"two addresses in one IPv6 prefix", "2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true},
		{"two IPv6 prefixes", "2001:db8:1:2::1", "2001:db8:1:3::1", false},
		{"an address with and without a zone", "fe80::1%eth0", "fe80::1", true},
		{"two addresses", "203.0.113.5", "203.0.113.6", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			limiter := broken(errors.New("out"))
			f := newFixture(t, withLimiter(limiter))
			for _, client := range []string{c.first, c.second} {
				_, err := f.issueTo(t, netip.MustParseAddr(client), "install-1")
				require.Error(t, err)
			}
			calls := limiter.DecideCalls()
			require.Len(t, calls, 2)
			first, second := calls[0].Checks.At(0), calls[1].Checks.At(0)
			assert.Equal(t, throttle.ByAddress, first.Dimension)
			assert.Equal(t, c.same, first.Subject == second.Subject)
			last := calls[0].Checks.At(calls[0].Checks.Len() - 1)
			assert.Equal(t, last, calls[1].Checks.At(calls[1].Checks.Len()-1),
				"the installation is the same")
			assert.NotEqual(t, first.Subject, last.Subject)
		})
	}
}

// TestChecksAreForTheSubjectsOfTheLimits checks that grants are counted for the subjects that
// sessiond limits explain shows to operators.
func TestChecksAreForTheSubjectsOfTheLimits(t *testing.T) {
	digester := throttle.NewDigester([]byte("digest key"))
	id := request(t, "install-1").InstallID()
	for _, client := range []netip.Addr{netip.MustParseAddr("203.0.113.5"),
		netip.MustParseAddr("2001:db8:1:2::1"), {}} {
		limiter := broken(errors.New("out"))
		_, err := newFixture(t, withLimiter(limiter)).issueTo(t, client, "install-1")
		require.Error(t, err)
		checks := limiter.DecideCalls()[0].Checks
		assert.GreaterOrEqual(t, checks.Len(), 2)
		for i := range checks.Len() {
			check := checks.At(i)
			text, limited := limits.Subject(check.Dimension, client, id)
			assert.True(t, limited)
			assert.Equal(t, digester.Subject(check.Dimension, text), check.Subject, text)
		}
	}
}
