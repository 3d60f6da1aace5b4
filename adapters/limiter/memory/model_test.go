package memory_test

import (
	"slices"
	"time"

	"github.com/offload/sessiond/domain/throttle"
)

// model is a small storage in the simplest form: a list of subjects in the order of their last
// grants. If the part of a new subject is full, the subjects that have expired are removed and, if
// that is not enough, the first subject of the part. It shares no arithmetic with the domain.
type model struct {
	max       int        // in each part
	subjects  []*subject // oldest last grant first; if equal, in the order of arrival
	forgotten uint64
	latest    throttle.Instant // the latest now of any caller
	floor     throttle.Instant // the latest end of a window that was removed
}

type subject struct {
	dimension throttle.Dimension
	id        throttle.Subject
	window    time.Duration
	grants    []throttle.Instant
}

// part returns the number of the subject's part.
func (s *subject) part() int {
	return [...]int{throttle.ByAddress: 1, throttle.ByNetwork: 1, throttle.ByRenewalAddress: 2,
		throttle.ByInstall: 3, throttle.ByRenewal: 3}[s.dimension]
}

func (s *subject) last() throttle.Instant { return s.grants[len(s.grants)-1] }

func (s *subject) end() throttle.Instant { return s.last() + throttle.Instant(s.window) }

// counted returns how many grants lie in the window that ends at an instant.
func (s *subject) counted(at throttle.Instant) int {
	n := 0
	for _, grant := range s.grants {
		if grant+throttle.Instant(s.window) > at {
			n++
		}
	}
	return n
}

// find returns the check's subject, or a new one without grants.
func (m *model) find(check throttle.Check) *subject {
	for _, s := range m.subjects {
		if s.id == check.Subject && s.window == check.Window {
			return s
		}
	}
	return &subject{dimension: check.Dimension, id: check.Subject, window: check.Window}
}

// effective returns now, or the subject's last grant if that is later.
func (s *subject) effective(now throttle.Instant) throttle.Instant {
	if len(s.grants) > 0 {
		return max(now, s.last())
	}
	return now
}

// observe removes the subjects that have expired at now or at any earlier caller's now.
func (m *model) observe(now throttle.Instant) {
	m.latest = max(m.latest, now)
	m.expire(m.latest)
}

// expire removes the subjects that have expired at an instant.
func (m *model) expire(at throttle.Instant) {
	m.subjects = slices.DeleteFunc(m.subjects, func(s *subject) bool {
		expired := s.end() <= at
		if expired {
			m.floor = max(m.floor, s.end())
		}
		return expired
	})
}

// decide returns one state for each check.
func (m *model) decide(now throttle.Instant, checks []throttle.Check) []throttle.State {
	m.observe(now)
	var states []throttle.State
	granted := true
	at := make([]throttle.Instant, len(checks))
	for i, check := range checks {
		s := m.find(check)
		at[i] = s.effective(now)
		state := s.state(check, at[i])
		granted = granted && state.RetryAfter == 0
		states = append(states, state)
	}
	if !granted {
		return states
	}
	for i, check := range checks {
		m.grant(check, at[i])
		states[i].Remaining--
		if states[i].ResetAfter == 0 {
			states[i].ResetAfter = check.Window
		}
	}
	return states
}

func (s *subject) state(check throttle.Check, at throttle.Instant) throttle.State {
	counted := s.counted(at)
	state := throttle.State{Check: check, Remaining: max(0, check.Limit-counted)}
	for _, grant := range s.grants {
		expires := grant + throttle.Instant(s.window)
		if expires <= at {
			continue
		}
		if state.ResetAfter == 0 && s.counted(expires) < min(counted, check.Limit) {
			state.ResetAfter = time.Duration(expires - at)
		}
		if state.Remaining == 0 && state.RetryAfter == 0 && s.counted(expires) < check.Limit {
			state.RetryAfter = time.Duration(expires - at)
		}
	}
	return state
}

// grant records a grant, and makes room for a new subject. The grant may count as later than now,
// and more windows may have ended then.
func (m *model) grant(check throttle.Check, at throttle.Instant) {
	s := m.find(check)
	m.subjects = slices.DeleteFunc(m.subjects, func(other *subject) bool { return other == s })
	if len(s.grants) == 0 && m.full(s.part()) {
		m.expire(at)
	}
	if len(s.grants) == 0 && m.full(s.part()) {
		first := slices.IndexFunc(m.subjects, func(other *subject) bool {
			return other.part() == s.part()
		})
		m.subjects = slices.Delete(m.subjects, first, first+1)
		m.forgotten++
	}
	s.grants = append(s.grants, at)
	position := len(m.subjects)
	for position > 0 && m.subjects[position-1].last() > at {
		position--
	}
	m.subjects = slices.Insert(m.subjects, position, s)
}

// full reports whether a part has no room for another subject.
func (m *model) full(part int) bool {
	n := 0
	for _, s := range m.subjects {
		if s.part() == part {
			n++
		}
	}
	return n == m.max
}
