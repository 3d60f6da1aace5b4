package portstest

import (
	"time"

	"github.com/offload/sessiond/domain/throttle"
)

// model computes the answers that a storage must give in the simplest way: it keeps every grant
// forever and counts grants one by one. It shares no arithmetic with the domain.
type model struct {
	grants map[modelKey][]throttle.Instant // in order
	latest throttle.Instant                // the latest now of any caller
}

type modelKey struct {
	subject throttle.Subject
	window  time.Duration
}

func newModel() *model { return &model{grants: map[modelKey][]throttle.Instant{}} }

// answer is a throttle.State without its check.
type answer struct {
	remaining              int
	resetAfter, retryAfter time.Duration
}

// ambiguous reports whether a window that ends after now had already ended for an earlier caller. A
// storage may have dropped that window, and may then count a caller at now as being at its end, so
// two answers are allowed.
func (m *model) ambiguous(now throttle.Instant) bool {
	for key, grants := range m.grants {
		for _, grant := range grants {
			if end := grant + throttle.Instant(key.window); now < end && end <= m.latest {
				return true
			}
		}
	}
	return false
}

// decide returns the answers to checks at now, and counts the grants if all checks pass.
func (m *model) decide(now throttle.Instant, checks []throttle.Check) (answers []answer,
	granted bool) {
	m.latest = max(m.latest, now)
	granted = true
	for _, check := range checks {
		if m.remaining(check, m.effective(check, now)) <= 0 {
			granted = false
		}
	}
	if granted {
		for _, check := range checks {
			key := modelKey{check.Subject, check.Window}
			m.grants[key] = append(m.grants[key], m.effective(check, now))
		}
	}
	for _, check := range checks {
		at := m.effective(check, now)
		remaining := m.remaining(check, at)
		a := answer{remaining: max(remaining, 0),
			resetAfter: m.wait(check, at, max(remaining, 0)+1)}
		if !granted && remaining <= 0 {
			a.retryAfter = m.wait(check, at, 1)
		}
		answers = append(answers, a)
	}
	return answers, granted
}

// effective returns now, or the subject's last grant if the caller is late.
func (m *model) effective(check throttle.Check, now throttle.Instant) throttle.Instant {
	for _, grant := range m.grants[modelKey{check.Subject, check.Window}] {
		now = max(now, grant)
	}
	return now
}

// remaining returns the limit less the grants that count at an instant: those in the half-open
// window that ends there.
func (m *model) remaining(check throttle.Check, at throttle.Instant) int {
	remaining := check.Limit
	for _, grant := range m.grants[modelKey{check.Subject, check.Window}] {
		if grant <= at && at < grant+throttle.Instant(check.Window) {
			remaining--
		}
	}
	return remaining
}

// wait returns how long after the instant at the number of remaining grants reaches want; 0 if no
// counted grant has to expire for that.
func (m *model) wait(check throttle.Check, at throttle.Instant, want int) time.Duration {
	for _, grant := range m.grants[modelKey{check.Subject, check.Window}] {
		expires := grant + throttle.Instant(check.Window)
		if expires > at && m.remaining(check, expires) >= want {
			return time.Duration(expires - at)
		}
	}
	return 0
}
