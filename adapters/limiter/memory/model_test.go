package memory_test

import (
	"slices"
	"time"

	"github.com/offload/sessiond/domain/throttle"
)

// model is a small storage in the plainest way: a list of subjects in the order of their last grants. Where it is full, a newcomer first
// takes out those whose window is empty, and then the first one. It shares no arithmetic with the domain.
type model struct {
	max       int
	subjects  []*subject // the oldest last grant first, of equal ones who was there before
	forgotten uint64
	latest    throttle.Instant // the latest now that anybody had
	floor     throttle.Instant // the latest end of a window that anybody saw
}

type subject struct {
	id     throttle.Subject
	window time.Duration
	grants []throttle.Instant
}

func (s *subject) last() throttle.Instant { return s.grants[len(s.grants)-1] }

func (s *subject) end() throttle.Instant { return s.last() + throttle.Instant(s.window) }

// counted is how many grants lie in the window that ends at an instant.
func (s *subject) counted(at throttle.Instant) int {
	n := 0
	for _, grant := range s.grants {
		if grant+throttle.Instant(s.window) > at {
			n++
		}
	}
	return n
}

// find is the ask's subject, or one that has no grants.
func (m *model) find(ask throttle.Check) *subject {
	for _, s := range m.subjects {
		if s.id == ask.Subject && s.window == ask.Window {
			return s
		}
	}
	return &subject{id: ask.Subject, window: ask.Window}
}

// effective is now, or the subject's last grant where that is later.
func (s *subject) effective(now throttle.Instant) throttle.Instant {
	if len(s.grants) > 0 {
		return max(now, s.last())
	}
	return now
}

// see takes out those whose window is empty at now, or at any instant that was seen before.
func (m *model) see(now throttle.Instant) {
	m.latest = max(m.latest, now)
	m.end(m.latest)
}

// end takes out those whose window is empty at an instant.
func (m *model) end(at throttle.Instant) {
	m.subjects = slices.DeleteFunc(m.subjects, func(s *subject) bool {
		ended := s.end() <= at
		if ended {
			m.floor = max(m.floor, s.end())
		}
		return ended
	})
}

// decide answers asks, one standing for each.
func (m *model) decide(now throttle.Instant, asks []throttle.Check) []throttle.State {
	m.see(now)
	var standings []throttle.State
	granted := true
	at := make([]throttle.Instant, len(asks))
	for i, ask := range asks {
		s := m.find(ask)
		at[i] = s.effective(now)
		standing := s.stand(ask, at[i])
		granted = granted && standing.RetryAfter == 0
		standings = append(standings, standing)
	}
	if !granted {
		return standings
	}
	for i, ask := range asks {
		m.grant(ask, at[i])
		standings[i].Remaining--
		if standings[i].ResetAfter == 0 {
			standings[i].ResetAfter = ask.Window
		}
	}
	return standings
}

func (s *subject) stand(ask throttle.Check, at throttle.Instant) throttle.State {
	counted := s.counted(at)
	standing := throttle.State{Check: ask, Remaining: max(0, ask.Limit-counted)}
	for _, grant := range s.grants {
		leaves := grant + throttle.Instant(s.window)
		if leaves <= at {
			continue
		}
		if standing.ResetAfter == 0 && s.counted(leaves) < min(counted, ask.Limit) {
			standing.ResetAfter = time.Duration(leaves - at)
		}
		if standing.Remaining == 0 && standing.RetryAfter == 0 && s.counted(leaves) < ask.Limit {
			standing.RetryAfter = time.Duration(leaves - at)
		}
	}
	return standing
}

// grant counts one, and makes room for a newcomer. Who is granted may be later than now, and so see more windows end.
func (m *model) grant(ask throttle.Check, at throttle.Instant) {
	s := m.find(ask)
	m.subjects = slices.DeleteFunc(m.subjects, func(other *subject) bool { return other == s })
	if len(s.grants) == 0 && len(m.subjects) == m.max {
		m.end(at)
	}
	if len(s.grants) == 0 && len(m.subjects) == m.max {
		m.subjects = m.subjects[1:]
		m.forgotten++
	}
	s.grants = append(s.grants, at)
	behind := len(m.subjects)
	for behind > 0 && m.subjects[behind-1].last() > at {
		behind--
	}
	m.subjects = slices.Insert(m.subjects, behind, s)
}
