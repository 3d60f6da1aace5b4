package memory

import (
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
	entries  slab[cell]
	buffers  slab[ringBuffer]
	index    index
	lanes    []lane
	// floor is the latest end of a window that was removed as expired. A caller whose now is
	// earlier would find neither the subject nor its grants, so it counts as being at the floor.
	floor     throttle.Instant
	forgotten uint64

	_ [64]byte // shards are locked by different cores, so they must not share a cache line
}

// lookup is one check during a decision, with what was found for it.
type lookup struct {
	check throttle.Check
	hash  uint64
	shard int
	entry ref              // the subject's; none if it is unknown
	at    throttle.Instant // the effective now
}

// state finds the subject of a lookup and returns the state of its check.
func (s *shard) state(l *lookup, now throttle.Instant) throttle.State {
	l.entry = s.find(l.hash, &l.check)
	if l.entry == none {
		l.at = max(now, s.floor)
		var nothing throttle.Grants
		return l.check.State(&nothing, l.at)
	}
	grants := s.grants(l.entry)
	l.at = grants.Effective(now)
	return l.check.State(&grants, l.at)
}

func (s *shard) find(hash uint64, check *throttle.Check) ref {
	for slot := s.index.first(hash); ; slot = s.index.next(slot) {
		found := s.index.at(slot)
		if found == none || s.matches(found, check) {
			return found
		}
	}
}

func (s *shard) matches(entry ref, check *throttle.Check) bool {
	e := s.entries.at(entry)
	return e.subject == check.Subject && s.lanes[e.lane].window == check.Window
}

// grants returns an entry's instants in order.
func (s *shard) grants(entry ref) throttle.Grants {
	e := s.entries.at(entry)
	var grants throttle.Grants
	if e.buffer != none {
		grants[0], grants[1] = s.buffers.at(e.buffer).segments()
	}
	grants[2] = e.last[:]
	return grants
}

// grant records a grant for the subject of a lookup.
func (s *shard) grant(l *lookup) {
	if l.entry != none && s.entries.at(l.entry).live && s.matches(l.entry, &l.check) {
		s.grantAgain(l)
		return
	}
	// The subject is new, or was forgotten just now to make room for another one of this decision.
	for s.live >= s.maxSubjects || s.instants >= s.maxInstants {
		s.makeRoom(l.at)
	}
	lane := s.laneOf(l.check.Window)
	entry := s.entries.allocate()
	*s.entries.at(entry) = cell{subject: l.check.Subject, last: [1]throttle.Instant{l.at},
		lane: lane, live: true}
	s.live++
	s.instants++
	s.addToIndex(entry, l.hash)
	s.link(entry)
}

// addToIndex adds an entry to the index, and first doubles the index if it is half full.
func (s *shard) addToIndex(entry ref, hash uint64) {
	if 2*s.live > s.index.size() {
		s.index.grow(func(known ref) uint64 { return hashOf(s.entries.at(known).subject) })
	}
	s.index.insert(entry, hash)
}

// grantAgain records another grant for a known subject.
func (s *shard) grantAgain(l *lookup) {
	e := s.entries.at(l.entry)
	grants := s.grants(l.entry)
	spent := grants.Spent(l.check.Window, l.at)
	kept := grants.Len() - spent // what the ring buffer must hold, the last instant included
	s.unlink(l.entry)
	s.shift(l.entry, kept, spent, l.check.Limit, l.at)
	e.last[0] = l.at
	s.link(l.entry)
}

// shift drops the spent instants of an entry and moves its last one into its ring buffer, which is
// created, enlarged, shrunk or released so that it fits the instants kept. It makes room by
// forgetting other subjects, never this one: the entry is in no lane meanwhile.
func (s *shard) shift(entry ref, kept, spent, limit int, now throttle.Instant) {
	e := s.entries.at(entry)
	if kept == 0 {
		s.releaseBuffer(e)
		return
	}
	if e.buffer == none {
		s.reserve(smallCapacity, now)
		e.buffer = s.buffers.allocate()
	}
	buffer, want := s.buffers.at(e.buffer), capacityFor(kept, limit)
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
	for i := range s.lanes {
		for range count {
			first := s.lanes[i].first
			if first == none || s.expiry(first) > now {
				break
			}
			s.removeExpired(first)
		}
	}
	if s.live == 0 && s.entries.used > 0 {
		// Release everything, so that memory follows use down as well as up.
		s.entries, s.buffers, s.index, s.lanes = slab[cell]{}, slab[ringBuffer]{}, index{}, nil
	}
}

// expiry returns the instant at which an entry's window is empty.
func (s *shard) expiry(entry ref) throttle.Instant {
	e := s.entries.at(entry)
	return e.last[0].After(s.lanes[e.lane].window)
}

// removeExpired removes an entry whose window is empty, and raises the floor to that window's end.
func (s *shard) removeExpired(entry ref) {
	s.floor = max(s.floor, s.expiry(entry))
	s.remove(entry)
}

// makeRoom removes one entry from a lane; there must be one. It prefers an entry that has expired.
// Otherwise it forgets the entry with the oldest last grant.
func (s *shard) makeRoom(now throttle.Instant) {
	oldest := none
	for i := range s.lanes {
		first := s.lanes[i].first
		switch {
		case first == none:
		case s.expiry(first) <= now:
			s.removeExpired(first)
			return
		case oldest == none || s.lastOf(first) < s.lastOf(oldest):
			oldest = first
		}
	}
	s.forgotten++
	s.remove(oldest)
}

func (s *shard) remove(entry ref) {
	e := s.entries.at(entry)
	hash := func(known ref) uint64 { return hashOf(s.entries.at(known).subject) }
	s.index.remove(entry, hash)
	s.unlink(entry)
	s.releaseBuffer(e)
	s.entries.release(entry)
	s.live--
	s.instants--
}
