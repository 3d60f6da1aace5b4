package fleets

import (
	"net/netip"
	"testing"
	"time"

	"github.com/offload/sessiond/app/issue"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/throttle"
)

// crowd is a number of phones behind the addresses of one network, and what they do.
type crowd struct {
	name string
	// network contains their addresses. Each phone is at a random one of its first sites. If sites
	// is 0, each phone has a site of its own.
	network netip.Prefix
	sites   int
	// holders obtained their sessions during the hour before. newcomers have none, and first ask
	// for one at a random instant of the time within, from the start.
	holders, newcomers int
	within             time.Duration
	// unspread phones return as soon as their request could be granted, in whole seconds, rather
	// than after Retry-After, which adds a share of the window.
	unspread bool
	// attacked adds an attacker at the first site, from the start to the end.
	attacked bool
	// lasts is how long the simulation takes.
	lasts time.Duration
}

// outcome is what a crowd experienced.
type outcome struct {
	newcomers, served         int
	refusedFirst              int // newcomers whose first try was refused
	attempts, worst           int // of newcomers, in all and of one, until they were served
	longest                   time.Duration
	renewals, renewalsRefused int
	peak                      int // requests in one second
}

// simulate returns the outcome of a crowd under limits.
func (c crowd) simulate(t *testing.T, limits issue.Limits) outcome {
	t.Helper()
	const before = time.Hour
	w := newWorld(t, limits, before)
	count := &counters{seconds: make([]int, c.lasts/time.Second+1)}
	join := func(newcomer bool, from, within time.Duration, number int) {
		if c.sites > 0 {
			number = w.random.IntN(c.sites)
		}
		first := from + w.duration(within)
		w.add(&phone{crowd: &c, count: count, request: w.request(), first: first,
			address: site(c.network, number), newcomer: newcomer}, first)
	}
	if c.attacked {
		w.add(&attacker{holding: holding{network: c.network, sites: 1}}, 0)
	}
	for i := range c.holders {
		join(false, -before, before, i)
	}
	for i := range c.newcomers {
		join(true, 0, c.within, c.holders+i)
	}
	w.run(c.lasts)
	count.newcomers = c.newcomers
	for _, requests := range count.seconds {
		count.peak = max(count.peak, requests)
	}
	return count.outcome
}

// counters count from noon on.
type counters struct {
	outcome
	seconds []int // requests in each second
}

// phone obtains a session, obeys the Retry-After of refusals, and renews after refresh_after.
type phone struct {
	crowd    *crowd
	count    *counters
	request  session.Request
	address  netip.Addr
	newcomer bool
	first    time.Duration // its first attempt
	attempts int           // to get its first session
	token    string
}

func (p *phone) act(w *world) (time.Duration, bool) {
	renewal := p.token != ""
	issued, refusal := w.issue(p.request, p.address, p.token)
	if w.now >= 0 {
		p.count.seconds[w.now/time.Second]++
		if renewal {
			p.count.renewals++
		}
	}
	if p.newcomer && !renewal {
		p.tried(w, refusal != nil)
	}
	if refusal == nil {
		p.token = issued.Token
		return issued.RefreshAfter, true
	}
	if w.now >= 0 && renewal {
		p.count.renewalsRefused++
	}
	seconds := refusal.RetryAfterSeconds()
	if p.crowd.unspread {
		seconds = throttle.Seconds(exactWait(refusal))
	}
	return time.Duration(seconds) * time.Second, true
}

// tried counts an attempt of a newcomer to get its first session.
func (p *phone) tried(w *world, refused bool) {
	p.attempts++
	p.count.attempts++
	p.count.worst = max(p.count.worst, p.attempts)
	if !refused {
		p.count.served++
		p.count.longest = max(p.count.longest, w.now-p.first)
	} else if p.attempts == 1 {
		p.count.refusedFirst++
	}
}
