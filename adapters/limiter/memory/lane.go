package memory

import (
	"time"

	"github.com/offload/sessiond/domain/throttle"
)

// lane is the queue of a shard's subjects with one window, the oldest last grant first. With one window, that is also the order in which
// they end.
type lane struct {
	window      time.Duration
	first, last ref
}

// laneOf is the index of the window's lane. Windows come from the configuration and so are few; a lane that is empty serves the
// next one.
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

// queue puts an entry into its lane by its last grant: at the end, but for late callers.
func (s *shard) queue(entry ref) {
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

// unqueue takes an entry out of its lane.
func (s *shard) unqueue(entry ref) {
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
