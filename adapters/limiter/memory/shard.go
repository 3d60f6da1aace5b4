package memory

import (
	"sync"

	"github.com/offload/sessiond/domain/throttle"
)

// endsAtOnce is how many subjects whose window is empty a decision takes out of a shard. Two is more than the one that it may
// add, so that the shard empties while it is used.
const endsAtOnce = 2

// shard holds a part of the subjects.
type shard struct {
	sync.Mutex
	maxSubjects, maxInstants int

	live     int // subjects
	instants int // room for instants: one in each entry, and the rings
	entries  slab[cell]
	rings    slab[ring]
	index    index
	lanes    []lane
	// floor is the latest end of a window that was let go of. A caller whose now is older would find the subject gone and its grants
	// with it; he counts as being at the floor.
	floor     throttle.Instant
	forgotten uint64

	_ [64]byte // shards are locked by different cores: none shall share a cache line
}

// seat is one ask on its way through a decision.
type seat struct {
	ask   throttle.Check
	hash  uint64
	shard int
	entry ref
	at    throttle.Instant // the effective now
}

// look tells how the seat's ask stands, and notes where its subject is.
func (s *shard) look(seat *seat, now throttle.Instant) throttle.State {
	seat.entry = s.find(seat.hash, &seat.ask)
	if seat.entry == none {
		seat.at = max(now, s.floor)
		var nothing throttle.Grants
		return seat.ask.State(&nothing, seat.at)
	}
	grants := s.grants(seat.entry)
	seat.at = grants.Effective(now)
	return seat.ask.State(&grants, seat.at)
}

func (s *shard) find(hash uint64, ask *throttle.Check) ref {
	for place := s.index.first(hash); ; place = s.index.next(place) {
		found := s.index.at(place)
		if found == none || s.is(found, ask) {
			return found
		}
	}
}

func (s *shard) is(entry ref, ask *throttle.Check) bool {
	e := s.entries.at(entry)
	return e.subject == ask.Subject && s.lanes[e.lane].window == ask.Window
}

// grants shows an entry's instants in order.
func (s *shard) grants(entry ref) throttle.Grants {
	e := s.entries.at(entry)
	var grants throttle.Grants
	if e.ring != none {
		grants[0], grants[1] = s.rings.at(e.ring).pieces()
	}
	grants[2] = e.last[:]
	return grants
}

// grant counts a grant for the seat's subject at its instant.
func (s *shard) grant(seat *seat) {
	if seat.entry != none && s.entries.at(seat.entry).live && s.is(seat.entry, &seat.ask) {
		s.again(seat)
		return
	}
	// New, or forgotten a moment ago to make room for another of the same decision.
	for s.live >= s.maxSubjects || s.instants >= s.maxInstants {
		s.makeRoom(seat.at)
	}
	lane := s.laneOf(seat.ask.Window)
	entry := s.entries.take()
	*s.entries.at(entry) = cell{subject: seat.ask.Subject, last: [1]throttle.Instant{seat.at},
		lane: lane, live: true}
	s.live++
	s.instants++
	s.place(entry, seat.hash)
	s.queue(entry)
}

// place puts an entry into the index, which doubles when half full.
func (s *shard) place(entry ref, hash uint64) {
	if 2*s.live > s.index.size() {
		s.index.grow(func(known ref) uint64 { return hashOf(s.entries.at(known).subject) })
	}
	s.index.put(entry, hash)
}

// again counts one more grant for a subject that is known.
func (s *shard) again(seat *seat) {
	e := s.entries.at(seat.entry)
	grants := s.grants(seat.entry)
	spent := grants.Spent(seat.ask.Window, seat.at)
	kept := grants.Len() - spent // those that the ring shall hold, the last one among them
	s.unqueue(seat.entry)
	s.fit(seat.entry, kept, spent, seat.ask.Limit, seat.at)
	e.last[0] = seat.at
	s.queue(seat.entry)
}

// fit drops the spent instants of an entry and moves its last one into its ring, which is made, grown, shrunk or let go of as kept
// asks. Room for it is made by forgetting others: the entry itself
// is in no queue meanwhile.
func (s *shard) fit(entry ref, kept, spent, limit int, now throttle.Instant) {
	e := s.entries.at(entry)
	if kept == 0 {
		s.dropRing(e)
		return
	}
	if e.ring == none {
		s.reserve(smallRoom, now)
		e.ring = s.rings.take()
	}
	ring, room := s.rings.at(e.ring), roomFor(kept, limit)
	if has := ring.room(); has < kept || has > 4*room {
		s.reserve(room-has, now)
		ring.move(room, spent)
	} else {
		ring.drop(spent)
	}
	ring.push(e.last[0])
}

// reserve counts room for further instants, or for fewer, and makes it where there is none.
func (s *shard) reserve(further int, now throttle.Instant) {
	for s.instants+further > s.maxInstants {
		s.makeRoom(now)
	}
	s.instants += further
}

// roomFor is how many instants a ring has room for: the next of 3, 7, 15, … that holds kept, so that with the last instant they
// are powers of two; but no more than the limit can ever ask.
func roomFor(kept, limit int) int {
	room := smallRoom
	for room < kept {
		room = 2*room + 1
	}
	return max(smallRoom, kept, min(room, limit-1))
}

func (s *shard) dropRing(e *cell) {
	if e.ring != none {
		s.instants -= s.rings.at(e.ring).room()
		s.rings.giveBack(e.ring)
		e.ring = none
	}
}

// end takes out up to most subjects whose window is empty at now.
func (s *shard) end(now throttle.Instant, most int) {
	for i := range s.lanes {
		for range most {
			first := s.lanes[i].first
			if first == none || s.ending(first) > now {
				break
			}
			s.letGo(first)
		}
	}
	if s.live == 0 && s.entries.used > 0 {
		// All of it goes back, so that memory follows use down as well as up.
		s.entries, s.rings, s.index, s.lanes = slab[cell]{}, slab[ring]{}, index{}, nil
	}
}

// ending is the instant at which an entry's window is empty.
func (s *shard) ending(entry ref) throttle.Instant {
	e := s.entries.at(entry)
	return e.last[0].After(s.lanes[e.lane].window)
}

// letGo takes out an entry whose window is empty.
func (s *shard) letGo(entry ref) {
	s.floor = max(s.floor, s.ending(entry))
	s.remove(entry)
}

// makeRoom takes out a queued entry; there must be one. It is one whose window is empty or, where there is none, the one whose last grant is
// oldest: that one is forgotten.
func (s *shard) makeRoom(now throttle.Instant) {
	oldest := none
	for i := range s.lanes {
		first := s.lanes[i].first
		switch {
		case first == none:
		case s.ending(first) <= now:
			s.letGo(first)
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
	s.index.cut(entry, hash)
	s.unqueue(entry)
	s.dropRing(e)
	s.entries.giveBack(entry)
	s.live--
	s.instants--
}
