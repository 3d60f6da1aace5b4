package portstest

import (
	"time"

	"github.com/offload/sessiond/domain/throttle"
)

// model is what a storage must answer, reckoned in the plainest way: it keeps every grant for ever and counts them one by one.
// It shares no arithmetic with the domain.
type model struct {
	grants map[modelKey][]throttle.Instant // in order
	latest throttle.Instant                // the latest now that anybody had
}

type modelKey struct {
	subject throttle.Subject
	window  time.Duration
}

func newModel() *model { return &model{grants: map[modelKey][]throttle.Instant{}} }

// answer is one ask's standing without the ask.
type answer struct {
	left             int
	growsIn, retryIn time.Duration
}

// vague tells whether somebody saw a window end after now: a storage may have let go of it, and may count a caller who is later than that as
// being there.
func (m *model) vague(now throttle.Instant) bool {
	for key, grants := range m.grants {
		for _, grant := range grants {
			if end := grant + throttle.Instant(key.window); now < end && end <= m.latest {
				return true
			}
		}
	}
	return false
}

// decide answers asks at now, and counts the grants where all may pass.
func (m *model) decide(now throttle.Instant, asks []throttle.Check) (answers []answer,
	granted bool) {
	m.latest = max(m.latest, now)
	granted = true
	for _, ask := range asks {
		if m.left(ask, m.effective(ask, now)) <= 0 {
			granted = false
		}
	}
	if granted {
		for _, ask := range asks {
			key := modelKey{ask.Subject, ask.Window}
			m.grants[key] = append(m.grants[key], m.effective(ask, now))
		}
	}
	for _, ask := range asks {
		at := m.effective(ask, now)
		left := m.left(ask, at)
		a := answer{left: max(left, 0), growsIn: m.wait(ask, at, max(left, 0)+1)}
		if !granted && left <= 0 {
			a.retryIn = m.wait(ask, at, 1)
		}
		answers = append(answers, a)
	}
	return answers, granted
}

// effective is now, or the subject's last grant where the caller is late.
func (m *model) effective(ask throttle.Check, now throttle.Instant) throttle.Instant {
	for _, grant := range m.grants[modelKey{ask.Subject, ask.Window}] {
		now = max(now, grant)
	}
	return now
}

// left is the limit less the grants that count at an instant: those of the half-open window behind it.
func (m *model) left(ask throttle.Check, at throttle.Instant) int {
	left := ask.Limit
	for _, grant := range m.grants[modelKey{ask.Subject, ask.Window}] {
		if grant <= at && at < grant+throttle.Instant(ask.Window) {
			left--
		}
	}
	return left
}

// wait is how long it takes from at until at least want are left; 0 where nothing that is counted stands in the way.
func (m *model) wait(ask throttle.Check, at throttle.Instant, want int) time.Duration {
	for _, grant := range m.grants[modelKey{ask.Subject, ask.Window}] {
		leaves := grant + throttle.Instant(ask.Window)
		if leaves > at && m.left(ask, leaves) >= want {
			return time.Duration(leaves - at)
		}
	}
	return 0
}
