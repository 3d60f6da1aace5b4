package memory

import (
	"math"
	"time"

	"github.com/offload/sessiond/domain/throttle"
)

// lane holds the entries of a shard that have one window. As they share the window, they expire in
// the order of their last grants.
type lane struct {
	// The fields that each grant writes have a cache line of their own, because each core has to
	// fetch it from the core that wrote last.
	order  order
	latest throttle.Instant // no entry's last grant is later

	due    throttle.Instant // no entry expires earlier
	live   int              // entries
	window time.Duration
	index  index
	cells  cells

	_ [24]byte // so that no line is shared with another lane
}

// laneOf returns the lane of a window; nil if there is none. There are few windows, because they
// come from the configuration.
func (s *shard) laneOf(window time.Duration) *lane {
	for _, l := range s.lanes {
		if l.window == window {
			return l
		}
	}
	return nil
}

// addLane adds the lane of a window.
func (s *shard) addLane(window time.Duration) *lane {
	l := &lane{window: window, index: newIndex(2*s.maxSubjects + 1), due: math.MaxInt64}
	s.lanes = append(s.lanes, l)
	return l
}

// find returns the entry of a subject; none if it is unknown.
func (l *lane) find(hash uint64, subject *throttle.Subject) entry {
	for slot := l.index.first(hash); ; slot = l.index.next(slot) {
		ref, same := l.index.at(slot, hash)
		if ref == none {
			return entry{}
		}
		if same {
			if found := l.cells.at(ref); found.header().subject == *subject {
				return found
			}
		}
	}
}

// add adds an entry for a subject that has none, with one grant at an instant.
func (l *lane) add(hash uint64, subject *throttle.Subject, at throttle.Instant) {
	added := l.cells.add(subject, at)
	l.live++
	if 2*l.live > l.index.size() {
		l.index.grow(l.hashOf)
	}
	l.index.insert(added.ref, hash)
	l.link(&added)
}

// expiry returns the instant at which an entry's window is empty.
func (l *lane) expiry(e *entry) throttle.Instant { return e.last().After(l.window) }

func (l *lane) hashOf(ref ref) uint64 {
	e := l.cells.at(ref)
	return hashOf(&e.header().subject)
}

// removeFirst removes an entry, which must be the first of the order.
func (l *lane) removeFirst(ref ref) {
	l.order.leave(l.order.begin)
	l.order.begin++
	l.index.remove(ref, l.hashOf)
	l.cells.remove(ref)
	l.live--
}
