package memory

import (
	"math"
	"slices"
	"sync"

	"github.com/offload/sessiond/domain/throttle"
)

// expireAtOnce is how many expired subjects a decision removes from each lane of a shard. Two is
// more than the one that it may add, so that a shard shrinks while it is used.
const expireAtOnce = 2

// shard holds a part of the subjects. A subject has expired when its window is empty: none of its
// grants counts any more.
type shard struct {
	sync.Mutex
	maxSubjects, maxInstants int

	live     int // subjects
	instants int // capacity for instants: one in each cell, and the ring buffers
	removed  int // subjects that were removed so far
	lanes    []*lane
	buffers  slab[ringBuffer]
	// floor is the latest end of a window that was removed as expired. A caller whose now is
	// earlier would find neither the subject nor its grants, so it counts as being at the floor.
	floor     throttle.Instant
	forgotten uint64
	// forgot is when a subject was forgotten last; 0 for never.
	forgot throttle.Instant

	_ [64]byte // shards are locked by different cores, so they must not share a cache line
}

// lookup is one check during a decision, with what was found for it.
type lookup struct {
	check   throttle.Check
	hash    uint64
	shard   int
	lane    *lane            // of the window; nil if there is none yet
	entry   ref              // the subject's; none if it is unknown
	at      throttle.Instant // the effective now
	counted int              // grants in the window
	removed int              // the shard's, when the entry was found
}

// state finds the subject of a lookup and returns the state of its check.
func (s *shard) state(l *lookup, now throttle.Instant) throttle.State {
	s.find(l)
	if l.entry == none {
		l.at = max(now, s.floor)
		var nothing throttle.Grants
		return l.check.State(&nothing, l.at)
	}
	grants := s.grants(l.lane.entries.at(l.entry))
	l.at = grants.Effective(now)
	state := l.check.State(&grants, l.at)
	l.counted = l.check.Limit - state.Remaining
	return state
}

func (s *shard) find(l *lookup) {
	l.lane, l.entry, l.removed = s.laneOf(l.check.Window), none, s.removed
	if l.lane != nil {
		l.entry = l.lane.find(l.hash, &l.check.Subject)
	}
}

// grants returns an entry's instants in order.
func (s *shard) grants(e *cell) throttle.Grants {
	var grants throttle.Grants
	if e.buffer != none {
		grants[0], grants[1] = s.buffers.at(e.buffer).segments()
	}
	grants[2] = e.last[:]
	return grants
}

// grant records a grant for the subject of a lookup.
func (s *shard) grant(l *lookup) {
	if l.removed != s.removed {
		s.find(l) // it may have been forgotten just now to make room for another one of this decision
	}
	if l.entry != none {
		s.grantAgain(l)
		return
	}
	for s.live >= s.maxSubjects || s.instants >= s.maxInstants {
		s.makeRoom(l.at)
	}
	if l.lane = s.laneOf(l.check.Window); l.lane == nil {
		l.lane = s.addLane(l.check.Window)
	}
	l.lane.add(l.hash, &l.check.Subject, l.at)
	s.live++
	s.instants++
}

// grantAgain records another grant for a known subject.
func (s *shard) grantAgain(l *lookup) {
	e := l.lane.entries.at(l.entry)
	l.lane.unlink(l.entry)
	s.shift(e, l.counted, l.check.Limit, l.at)
	e.last[0] = l.at
	l.lane.link(l.entry)
}

// shift drops all instants of an entry but the last kept ones, and moves its last one into its ring
// buffer, which is created, enlarged, shrunk or released so that it fits them. It makes room by
// forgetting other subjects, never this one: the entry is in no order meanwhile.
func (s *shard) shift(e *cell, kept, limit int, now throttle.Instant) {
	if kept == 0 {
		s.releaseBuffer(e)
		return
	}
	if e.buffer == none {
		s.reserve(smallCapacity, now)
		e.buffer = s.buffers.allocate()
	}
	buffer, want := s.buffers.at(e.buffer), capacityFor(kept, limit)
	spent := int(buffer.n) + 1 - kept
	if capacity := buffer.capacity(); capacity < kept || capacity > 4*want {
		s.reserve(want-capacity, now)
		buffer.resize(want, spent)
	} else {
		buffer.drop(spent)
	}
	buffer.push(e.last[0])
}

// reserve counts capacity for more instants, or for fewer if negative, and makes room if there is
// none.
func (s *shard) reserve(more int, now throttle.Instant) {
	for s.instants+more > s.maxInstants {
		s.makeRoom(now)
	}
	s.instants += more
}

// capacityFor returns the capacity of a ring buffer that must hold kept instants: the next of 3, 7,
// 15, …, so that with the last instant it is a power of two, but no more than the limit can ever
// need.
func capacityFor(kept, limit int) int {
	capacity := smallCapacity
	for capacity < kept {
		capacity = 2*capacity + 1
	}
	return max(smallCapacity, kept, min(capacity, limit-1))
}

func (s *shard) releaseBuffer(e *cell) {
	if e.buffer != none {
		s.instants -= s.buffers.at(e.buffer).capacity()
		s.buffers.release(e.buffer)
		e.buffer = none
	}
}

// expire removes up to count subjects of each lane that have expired at now.
func (s *shard) expire(now throttle.Instant, count int) {
	empty := false
	for _, l := range s.lanes {
		for range count {
			if now < l.due {
				break
			}
			first := l.first(staleAtOnce * count)
			if first == none {
				break // nothing, or there is more that is stale
			}
			if l.due = l.expiry(first); l.due <= now {
				s.removeExpired(l, first)
			}
		}
		empty = empty || l.live == 0
	}
	if empty {
		// Release everything, so that memory follows use down as well as up.
		s.lanes = slices.DeleteFunc(s.lanes, func(l *lane) bool { return l.live == 0 })
	}
	if s.live == 0 && s.buffers.used > 0 {
		s.buffers = slab[ringBuffer]{}
	}
}

// removeExpired removes an entry whose window is empty, and raises the floor to that window's end.
func (s *shard) removeExpired(l *lane, first ref) {
	s.floor = max(s.floor, l.expiry(first))
	s.remove(l, first)
}

// makeRoom removes one entry from a lane; there must be one. It prefers an entry that has expired.
// Otherwise it forgets the entry with the oldest last grant.
func (s *shard) makeRoom(now throttle.Instant) {
	var of *lane
	oldest := none
	for _, l := range s.lanes {
		first := l.first(math.MaxInt)
		switch {
		case first == none:
		case l.expiry(first) <= now:
			s.removeExpired(l, first)
			return
		case oldest == none || l.entries.at(first).last[0] < of.entries.at(oldest).last[0]:
			of, oldest = l, first
		}
	}
	s.forgotten, s.forgot = s.forgotten+1, now
	s.remove(of, oldest)
}

// remove removes the first entry of a lane.
func (s *shard) remove(l *lane, first ref) {
	s.releaseBuffer(l.entries.at(first))
	l.remove(first)
	s.live--
	s.instants--
	s.removed++
}
