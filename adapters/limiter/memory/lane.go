package memory

import (
	"time"

	"github.com/offload/sessiond/domain/throttle"
)

// lane is a doubly linked list of the entries of a shard that have one window, ordered by their
// last grants, oldest first. As they share the window, they also expire in that order.
type lane struct {
	window      time.Duration
	first, last ref
}

// laneOf returns the index of the window's lane, and makes one if there is none. Windows come from
// the configuration and so are few; an empty lane is reused for the next window.
func (s *shard) laneOf(window time.Duration) uint16 {
	free := -1
	for i := range s.lanes {
		if s.lanes[i].window == window {
			return uint16(i)
		}
		if s.lanes[i].first == none {
			free = i
		}
	}
	if free < 0 {
		free = len(s.lanes)
		s.lanes = append(s.lanes, lane{})
	}
	s.lanes[free] = lane{window: window}
	return uint16(free)
}

// link inserts an entry into its lane by its last grant: at the end, except for late callers.
func (s *shard) link(entry ref) {
	e := s.entries.at(entry)
	lane := &s.lanes[e.lane]
	before := lane.last
	for before != none && s.lastOf(before) > e.last[0] {
		before = s.entries.at(before).prev
	}
	e.prev = before
	if before == none {
		e.next = lane.first
		lane.first = entry
	} else {
		e.next = s.entries.at(before).next
		s.entries.at(before).next = entry
	}
	if e.next == none {
		lane.last = entry
	} else {
		s.entries.at(e.next).prev = entry
	}
}

func (s *shard) lastOf(entry ref) throttle.Instant { return s.entries.at(entry).last[0] }

// unlink removes an entry from its lane.
func (s *shard) unlink(entry ref) {
	e := s.entries.at(entry)
	lane := &s.lanes[e.lane]
	if e.prev == none {
		lane.first = e.next
	} else {
		s.entries.at(e.prev).next = e.next
	}
	if e.next == none {
		lane.last = e.prev
	} else {
		s.entries.at(e.next).prev = e.prev
	}
	e.prev, e.next = none, none
}
