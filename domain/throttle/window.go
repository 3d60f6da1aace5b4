package throttle

import (
	"sort"
	"time"
)

// Grants are the instants of a subject's last grants as a storage holds them: oldest first, at
// least the last Limit of them. They may be in several parts, as in a ring buffer.
type Grants [3][]Instant

// Len returns the number of instants.
func (g *Grants) Len() int { return len(g[0]) + len(g[1]) + len(g[2]) }

// At returns the instant at index i, where 0 is the oldest.
func (g *Grants) At(i int) Instant {
	for _, piece := range g {
		if i < len(piece) {
			return piece[i]
		}
		i -= len(piece)
	}
	panic("throttle: no such grant")
}

// Spent returns the number of instants outside a window that ends at now: a grant leaves the window
// exactly one window after it was given.
func (g *Grants) Spent(window time.Duration, now Instant) int {
	return sort.Search(g.Len(), func(i int) bool { return g.At(i).After(window) > now })
}

// Effective returns now as it applies to the subject: if it is earlier than the subject's last
// grant, it counts as that grant. So instants stay ordered, and nothing that left a window returns.
func (g *Grants) Effective(now Instant) Instant {
	if n := g.Len(); n > 0 {
		return max(now, g.At(n-1))
	}
	return now
}

// State is the state of a check's limit at an instant.
type State struct {
	Check Check
	// Remaining is the number of grants that the subject can still get at this instant.
	Remaining int
	// ResetAfter is the time until Remaining next grows; 0 if nothing is counted.
	ResetAfter time.Duration
	// RetryAfter is the time until the subject can get a grant; 0 if it can get one now.
	RetryAfter time.Duration
}

// State returns the state of the check at now, which must be effective for grants.
func (a Check) State(grants *Grants, now Instant) State {
	state := State{Check: a}
	kept := grants.Len()
	counted := kept - grants.Spent(a.Window, now)
	switch {
	case counted == 0:
		state.Remaining = a.Limit
	case counted < a.Limit:
		state.Remaining = a.Limit - counted
		state.ResetAfter = now.Until(grants.At(kept - counted).After(a.Window))
	default:
		// The Limit-th last grant is the one that blocks, whatever came before it.
		state.RetryAfter = now.Until(grants.At(kept - a.Limit).After(a.Window))
		state.ResetAfter = state.RetryAfter
	}
	return state
}

// Granted returns the state after the check was granted at the same instant.
func (s State) Granted() State {
	s.Remaining--
	if s.ResetAfter == 0 {
		s.ResetAfter = s.Check.Window
	}
	return s
}
