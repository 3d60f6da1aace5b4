package fleets

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/app/issue"
	"github.com/offload/sessiond/bootstrap/config"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/throttle"
)

// holding is what an attacker has: the sites of a network, each an IPv4 address or an IPv6 /64.
type holding struct {
	name    string
	network netip.Prefix
	sites   int
}

var holdings = []holding{
	{"one IPv4 address", netip.MustParsePrefix("198.51.100.7/32"), 1},
	{"an IPv4 /24", netip.MustParsePrefix("198.51.100.0/24"), 1 << 8},
	{"an IPv6 /48", netip.MustParsePrefix("2001:db8:7::/48"), 1 << 16},
}

// attacker obtains as many sessions as it can, each for a new installation, from the sites that it
// holds in turn. After a refusal it returns at the very instant at which it could be granted.
type attacker struct {
	holding
	tries       int
	kept        []kept
	firstMinute int
	by          throttle.Dimension // refused it last
}

// kept is a session that an attacker has obtained.
type kept struct {
	request session.Request
	token   string
}

func (a *attacker) act(w *world) (time.Duration, bool) {
	request := w.request()
	issued, refusal := w.issue(request, site(a.network, a.tries%a.sites), "")
	a.tries++
	if refusal != nil {
		a.by = refusal.Dimension
		return exactWait(refusal), true
	}
	a.kept = append(a.kept, kept{request, issued.Token})
	if w.now < time.Minute {
		a.firstMinute++
	}
	return 0, true
}

// renewer renews sessions that were collected, each once, from the sites that it holds in turn.
type renewer struct {
	holding
	sessions []kept
	from, to time.Duration // its first and its last renewal
	renewed  int
}

func (r *renewer) act(w *world) (time.Duration, bool) {
	one := r.sessions[r.renewed]
	_, refusal := w.issue(one.request, site(r.network, r.renewed%r.sites), one.token)
	if refusal != nil {
		return exactWait(refusal), true
	}
	if r.renewed == 0 {
		r.from = w.now
	}
	r.to = w.now
	r.renewed++
	return 0, r.renewed < len(r.sessions)
}

// obtain returns what an attacker obtains in a time that starts at noon.
func obtain(t *testing.T, of holding, lasts time.Duration) *attacker {
	t.Helper()
	w := newWorld(t, defaults(t).Limits, 0)
	a := &attacker{holding: of}
	w.add(a, 0)
	w.run(lasts)
	return a
}

// yield is the arithmetic of what an attacker can obtain and keep. The tests compare it with
// simulations that are short enough.
type yield struct {
	limits   issue.Limits
	lifetime time.Duration
	grace    time.Duration
	sites    int
}

func yieldOf(settings config.Config, of holding) yield {
	return yield{limits: settings.Limits, lifetime: settings.Session.Lifetime,
		grace: settings.Session.RenewalGrace, sites: of.sites}
}

// fresh returns the new sessions in one window.
func (y yield) fresh() int {
	return min(y.sites*y.limits.PerAddress, y.limits.PerNetwork)
}

// collected returns the new sessions in a time that is a multiple of the window.
func (y yield) collected(in time.Duration) int { return y.fresh() * int(in/y.limits.Window) }

// renewable returns how many of the sessions that were collected in a time can still be renewed at
// its end.
func (y yield) renewable(in time.Duration) int {
	return y.collected(min(in, y.lifetime+y.grace))
}

// renewals returns the renewals in one window.
func (y yield) renewals() int { return y.sites * y.limits.RenewalsPerAddress }

// renewedWithin returns how long it takes to renew a number of sessions.
func (y yield) renewedWithin(sessions int) time.Duration {
	return time.Duration((sessions-1)/y.renewals()) * y.limits.Window
}

// upkeep returns the renewals in one window that keep a number of sessions valid.
func (y yield) upkeep(sessions int) int {
	windows := int(y.lifetime / y.limits.Window)
	return (sessions + windows - 1) / windows
}

// most returns the number of sessions that renewals can keep valid.
func (y yield) most() int { return y.renewals() * int(y.lifetime/y.limits.Window) }

// TestYield collects for ten minutes with a /24 and renews everything from one address, and from
// the /24: the arithmetic must be right for both.
func TestYield(t *testing.T) {
	settings := defaults(t)
	const collecting = 10 * time.Minute
	one, network := holdings[0], holdings[1]
	w := newWorld(t, settings.Limits, 0)
	a := &attacker{holding: network}
	w.add(a, 0)
	w.run(collecting)
	require.Len(t, a.kept, yieldOf(settings, network).collected(collecting))

	// Just before the first can no longer be renewed.
	w.turns = nil
	late := settings.Session.Lifetime + settings.Session.RenewalGrace - time.Hour
	for i, from := range []holding{one, network} {
		start := late + time.Duration(i)*30*time.Minute
		r := &renewer{holding: from, sessions: a.kept}
		w.add(r, start)
		w.run(start + 30*time.Minute)
		assert.Equal(t, len(a.kept), r.renewed, from.name)
		assert.Equal(t, yieldOf(settings, from).renewedWithin(len(a.kept)), r.to-r.from,
			"from %s", from.name)
	}
}
