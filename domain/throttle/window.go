package throttle

import (
	"sort"
	"time"
)

// Grants is how a storage shows the instants of one subject's last grants: oldest first, at least the last Limit of them. They
// may lie in pieces, as a ring has them.
type Grants [3][]Instant

// Len is how many instants there are.
func (g *Grants) Len() int { return len(g[0]) + len(g[1]) + len(g[2]) }

// At is the instant at index i, the oldest being 0.
func (g *Grants) At(i int) Instant {
	for _, piece := range g {
		if i < len(piece) {
			return piece[i]
		}
		i -= len(piece)
	}
	panic("throttle: no such grant")
}

// Spent is how many of the instants lie outside a window that ends at now: a grant leaves the window exactly one window
// after it was given.
func (g *Grants) Spent(window time.Duration, now Instant) int {
	return sort.Search(g.Len(), func(i int) bool { return g.At(i).After(window) > now })
}

// Effective is now as a subject sees it: a late caller, whose now is older than the subject's last grant, counts as being at
// that grant. So instants stand in order, and nothing that left a window comes back.
func (g *Grants) Effective(now Instant) Instant {
	if n := g.Len(); n > 0 {
		return max(now, g.At(n-1))
	}
	return now
}

// Standing is how one ask stands at an instant.
type State struct {
	Check Check
	// Left is how many more grants the subject may have at this instant.
	Remaining int
	// GrowsIn is how long until Left next grows; 0 where nothing is counted.
	ResetAfter time.Duration
	// RetryIn is how long until the subject may have a grant; 0 where it may now.
	RetryAfter time.Duration
}

// Stand tells how the ask stands at now, which must be effective for grants.
func (a Check) State(grants *Grants, now Instant) State {
	standing := State{Check: a}
	kept := grants.Len()
	counted := kept - grants.Spent(a.Window, now)
	switch {
	case counted == 0:
		standing.Remaining = a.Limit
	case counted < a.Limit:
		standing.Remaining = a.Limit - counted
		standing.ResetAfter = now.Until(grants.At(kept - counted).After(a.Window))
	default:
		// The Limit-th last grant is the one that bars the way, whatever came before it.
		standing.RetryAfter = now.Until(grants.At(kept - a.Limit).After(a.Window))
		standing.ResetAfter = standing.RetryAfter
	}
	return standing
}

// Granted is the standing after its ask was granted at that same instant.
func (s State) Granted() State {
	s.Remaining--
	if s.ResetAfter == 0 {
		s.ResetAfter = s.Check.Window
	}
	return s
}
