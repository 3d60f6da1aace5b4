package throttle

import (
	"slices"
	"time"
)

// Grants is a view of the instants of the last grants of one subject in a storage: oldest first, at
// least the last Limit of them. They may be in several pieces, as in a ring buffer.
type Grants [3][]Instant

// Len returns the number of instants.
func (g *Grants) Len() int { return len(g[0]) + len(g[1]) + len(g[2]) }

// At returns the instant at index i; the oldest has index 0.
func (g *Grants) At(i int) Instant {
	for _, piece := range g {
		if i < len(piece) {
			return piece[i]
		}
		i -= len(piece)
	}
	panic("throttle: grant index out of range")
}

// spent returns the number of instants that have left the window that ends at now, and the first
// instant that has not; 0 if all have. A grant leaves the window exactly one window length after it
// was made.
func (g *Grants) spent(window time.Duration, now Instant) (spent int, first Instant) {
	end := now.After(-window)
	for _, piece := range g {
		switch n := len(piece); {
		case n == 0:
		case piece[n-1] <= end: // common, like the next case: the search below is the exception
			spent += n
		case piece[0] > end:
			return spent, piece[0]
		default:
			i, _ := slices.BinarySearch(piece, end+1)
			return spent + i, piece[i]
		}
	}
	return spent, 0
}

// Effective returns the later of now and the instant of the last grant. A caller that was delayed
// after it read its clock can bring a now before that grant; instants nevertheless stay in order,
// and a grant that has left the window does not come back.
func (g *Grants) Effective(now Instant) Instant {
	for i := len(g) - 1; i >= 0; i-- {
		if n := len(g[i]); n > 0 {
			return max(now, g[i][n-1])
		}
	}
	return now
}

// State is the state of one check at an instant.
type State struct {
	Check Check
	// Remaining is how many more grants the subject may have at this instant.
	Remaining int
	// ResetAfter is how long until Remaining next increases; 0 if nothing is counted.
	ResetAfter time.Duration
	// RetryAfter is how long until the subject may have a grant; 0 if it may have one now.
	RetryAfter time.Duration
}

// State returns the state of the check at now, which must be effective for grants (see
// Grants.Effective).
func (c Check) State(grants *Grants, now Instant) State {
	state := State{Check: c}
	state.count(grants, now)
	return state
}

// count computes Remaining, ResetAfter and RetryAfter from Check, the grants and now. They must be
// zero before.
func (s *State) count(grants *Grants, now Instant) {
	c := &s.Check
	kept := grants.Len()
	spent, first := grants.spent(c.Window, now)
	counted := kept - spent
	switch {
	case counted == 0:
		s.Remaining = c.Limit
	case counted < c.Limit:
		s.Remaining = c.Limit - counted
		s.ResetAfter = now.Until(first.After(c.Window))
	default:
		// The Limit-th last grant determines the wait, whatever came before it.
		s.RetryAfter = now.Until(grants.At(kept - c.Limit).After(c.Window))
		s.ResetAfter = s.RetryAfter
	}
}

// Granted returns the state after the check was granted at the same instant.
func (s State) Granted() State {
	s.grant()
	return s
}

// grant makes s the state after the check was granted at the same instant.
func (s *State) grant() {
	s.Remaining--
	if s.ResetAfter == 0 {
		s.ResetAfter = s.Check.Window
	}
}
