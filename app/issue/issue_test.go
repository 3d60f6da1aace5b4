package issue_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/limiter/memory"
	"github.com/offload/sessiond/app/issue"
	"github.com/offload/sessiond/domain/failure"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/domain/token"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/ports/portsfake"
	"github.com/offload/sessiond/ports/portsmock"
)

var (
	noon     = time.Date(2026, 2, 16, 12, 0, 0, 0, time.UTC)
	phone    = netip.MustParseAddr("203.0.113.5")
	settings = session.Settings{Issuer: "issuer", Audience: "audience", Lifetime: 2 * time.Minute,
		RenewalGrace: time.Hour}
	limits = issue.Limits{PerAddress: 8, PerNetwork: 12, PerInstall: 4, RenewalsPerInstall: 2,
		RenewalsPerAddress: 20, Window: time.Minute, Mode: ports.Enforce, IPv6Prefix: 64}
)

// fixture is a service whose clocks, keys, limiter and entropy the test controls.
type fixture struct {
	*issue.Service
	now       time.Time
	instant   throttle.Instant
	events    []ports.Event
	limiter   ports.LimiterStorage
	keyring   *keys.Keyring
	fraction  float64
	clock     *portsmock.ClockMock
	refreshes int // calls of Refresh
}

// Keyring implements ports.KeySource.
func (f *fixture) Keyring() *keys.Keyring { return f.keyring }

// Refresh implements ports.KeyRefresher.
func (f *fixture) Refresh() { f.refreshes++ }

// Fraction implements ports.Entropy.
func (f *fixture) Fraction() float64 { return f.fraction }

// Record implements ports.Events.
func (f *fixture) Record(_ context.Context, event ports.Event) { f.events = append(f.events, event) }

// change changes a fixture, and the parts of its service, before the service is made.
type change func(*fixture, *issue.Parts)

func newFixture(t *testing.T, changes ...change) *fixture {
	t.Helper()
	storage, err := memory.New(1000, portsfake.SameLimit(100))
	require.NoError(t, err)
	f := &fixture{now: noon, instant: 1, limiter: storage,
		keyring: newKeyring(t, keys.NewHS256("kid", []byte("secret"), keys.Plan{}))}
	parts := issue.Parts{Settings: settings, Limits: limits,
		Digester: throttle.NewDigester([]byte("digest key"))}
	for _, change := range changes {
		change(f, &parts)
	}
	parts.Keys, parts.Entropy, parts.Events, parts.Limiter = f, f, f, f.limiter
	f.clock = &portsmock.ClockMock{
		NowFunc:     func() time.Time { return f.now },
		InstantFunc: func() throttle.Instant { return f.instant },
	}
	parts.Clock = f.clock
	f.Service = issue.New(parts)
	return f
}

func newKeyring(t *testing.T, of ...keys.Key) *keys.Keyring {
	t.Helper()
	keyring, err := keys.NewKeyring(of...)
	require.NoError(t, err)
	return keyring
}

func observe(_ *fixture, parts *issue.Parts) { parts.Limits.Mode = ports.Observe }

func withLimiter(storage ports.LimiterStorage) change {
	return func(f *fixture, _ *issue.Parts) { f.limiter = storage }
}

func (f *fixture) advance(d time.Duration) {
	f.now = f.now.Add(d)
	f.instant = f.instant.After(d)
}

func request(t *testing.T, id string) session.Request {
	t.Helper()
	r, err := session.NewRequest(session.Input{Text: id}, session.Input{Text: "1.0"},
		session.Input{Text: "ios"}, session.RuleNone)
	require.NoError(t, err)
	return r
}

func (f *fixture) issue(t *testing.T, id string, authorization ...string) (ports.Issued, error) {
	t.Helper()
	return f.issueTo(t, phone, id, authorization...)
}

// issueTo issues a session to the client at an address.
func (f *fixture) issueTo(t *testing.T, client netip.Addr, id string, authorization ...string) (
	ports.Issued, error) {
	t.Helper()
	return f.Issue(t.Context(), ports.IssueRequest{Session: request(t, id), Client: client,
		Credentials: ports.Credentials{Authorization: authorization}})
}

func TestIssuesASessionWithTheSettings(t *testing.T) {
	f := newFixture(t)
	f.now = noon.Add(999_999_999)
	issued, err := f.issue(t, "install-12345")
	require.NoError(t, err)
	claims, err := token.Verify(issued.Token, f.keyring, settings, f.now)
	require.NoError(t, err)
	assert.Equal(t, issued.Claims, claims)
	assert.Equal(t, "install-12345", claims.InstallID.Text())
	assert.Equal(t, session.UnixOf(noon), claims.IssuedAt, "rounded down")
	assert.Equal(t, claims.IssuedAt, claims.NotBefore)
	assert.Equal(t, claims.IssuedAt+120, claims.ExpiresAt)
	assert.Equal(t, keys.ID("kid"), claims.KeyID)
	assert.Equal(t, 2*time.Minute, issued.ExpiresIn)
	assert.Equal(t, []ports.Event{ports.SessionIssued{}}, f.events)
}

// TestBackdatesSessions checks that a backdated session is valid as long as any other, for a
// verifier whose clock is behind too, and never begins before its key signs.
func TestBackdatesSessions(t *testing.T) {
	backdated := settings
	backdated.Backdate = 10 * time.Second
	for since, want := range map[time.Duration]time.Duration{
		time.Hour: 10 * time.Second, 4 * time.Second: 4 * time.Second, 0: 0,
	} {
		f := newFixture(t, func(f *fixture, parts *issue.Parts) {
			parts.Settings = backdated
			f.keyring = newKeyring(t, keys.NewHS256("kid", []byte("secret"),
				keys.Plan{SignFrom: noon.Add(-since)}))
		})
		issued, err := f.issue(t, "install-12345")
		require.NoError(t, err)
		assert.Equal(t, noon.Add(-want), issued.Claims.IssuedAt.Time())
		assert.Equal(t, noon.Add(2*time.Minute), issued.Claims.ExpiresAt.Time())
		_, err = token.Verify(issued.Token, f.keyring, settings, noon.Add(-want))
		assert.NoError(t, err, "by a clock that is %s behind", want)
	}
}

func TestRefreshAfterIsBetweenSevenAndNineTenths(t *testing.T) {
	for _, c := range []struct {
		name     string
		lifetime time.Duration
		fraction float64
		want     time.Duration
	}{
		{"earliest", 120 * time.Second, 0, 84 * time.Second},
		{"latest", 120 * time.Second, 0.999999999, 108 * time.Second},
		{"middle", 120 * time.Second, 0.5, 96 * time.Second},
		{"first whole second in the range", 5 * time.Second, 0, 4 * time.Second},
		{"no whole second in the range", 3 * time.Second, 0.5, 2 * time.Second},
		{"at least one second", time.Second, 0, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t, func(f *fixture, parts *issue.Parts) {
				parts.Settings.Lifetime, f.fraction = c.lifetime, c.fraction
			})
			issued, err := f.issue(t, "install-12345")
			require.NoError(t, err)
			assert.Equal(t, c.want, issued.RefreshAfter)
		})
	}
}

// TestUnknownKeyOfSessionRefreshesKeys checks that a session whose key is unknown causes a refresh:
// another replica, which has newer keys, may have issued it.
func TestUnknownKeyOfSessionRefreshesKeys(t *testing.T) {
	f := newFixture(t)
	issued, err := f.issue(t, "install-12345")
	require.NoError(t, err)
	_, err = f.issue(t, "install-12345", "Bearer "+issued.Token)
	require.NoError(t, err)
	_, err = f.issue(t, "install-12345", "Bearer no-token")
	require.NoError(t, err)
	assert.Zero(t, f.refreshes)
	f.keyring = newKeyring(t, keys.NewHS256("other", []byte("secret"), keys.Plan{}))
	_, err = f.issue(t, "install-12345", "Bearer "+issued.Token)
	require.NoError(t, err)
	assert.Equal(t, 1, f.refreshes)
}

func TestWhichCredentialsRenew(t *testing.T) {
	for _, c := range []struct {
		name    string
		present func(f *fixture, token string) []string
		renewed bool
	}{
		{"the current session", func(_ *fixture, token string) []string {
			return []string{"Bearer " + token}
		}, true},
		{"a session at the end of its grace", func(f *fixture, token string) []string {
			f.advance(settings.Lifetime + settings.RenewalGrace)
			return []string{"bearer  " + token}
		}, true},
		{"a session past its grace", func(f *fixture, token string) []string {
			f.advance(settings.Lifetime + settings.RenewalGrace + 1)
			return []string{"Bearer " + token}
		}, false},
		{"no credentials", func(*fixture, string) []string { return nil }, false},
		{"not a token", func(*fixture, string) []string {
			return []string{"Bearer nonsense"}
		}, false},
		{"another scheme", func(_ *fixture, token string) []string {
			return []string{"Basic " + token}
		}, false},
		{"two headers", func(_ *fixture, token string) []string {
			return []string{"Bearer " + token, "Bearer " + token}
		}, false},
		{"a session signed by a removed key", func(f *fixture, token string) []string {
			f.keyring = newKeyring(t, keys.NewHS256("new", []byte("new"), keys.Plan{}))
			return []string{"Bearer " + token}
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			first, err := f.issue(t, "install-1")
			require.NoError(t, err)
			_, err = f.issue(t, "install-1", c.present(f, first.Token)...)
			require.NoError(t, err, "unusable credentials are ignored")
			assert.Equal(t, ports.SessionIssued{Renewed: c.renewed}, f.events[1])
		})
	}
	t.Run("a session of another installation", func(t *testing.T) {
		f := newFixture(t)
		first, err := f.issue(t, "install-1")
		require.NoError(t, err)
		second, err := f.issue(t, "install-2", "Bearer "+first.Token)
		require.NoError(t, err)
		assert.Equal(t, throttle.ByAddress, second.Decision.At(0).Check.Dimension)
	})
}

func TestTakesNoGrantWithoutASigner(t *testing.T) {
	for _, c := range []struct {
		name string
		plan keys.Plan
		want time.Duration
	}{
		{"a key that may sign soon", keys.Plan{SignFrom: noon.Add(7 * time.Second)},
			7 * time.Second},
		{"a key that may sign within a second", keys.Plan{SignFrom: noon.Add(time.Millisecond)},
			time.Second},
		{"a key that may sign tomorrow", keys.Plan{SignFrom: noon.Add(24 * time.Hour)},
			time.Minute},
		{"a revoked key", keys.Plan{Revoked: true}, time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			limiter := broken(errors.New("unexpected call"))
			f := newFixture(t, observe, withLimiter(limiter))
			f.keyring = newKeyring(t, keys.NewHS256("kid", []byte("secret"), c.plan))
			_, err := f.issue(t, "install-1")
			unavailable, ok := errors.AsType[*ports.Unavailable](err)
			require.True(t, ok)
			assert.Equal(t, c.want, unavailable.RetryAfter)
			assert.Empty(t, limiter.DecideCalls())
			assert.Equal(t, failure.Unavailable, failure.KindOf(err))
			assert.Empty(t, f.events)
		})
	}
}
