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

// shard holds some of the subjects of a part, under one lock. A subject has expired when its window
// is empty: none of its grants counts any more.
type shard struct {
	sync.Mutex
	maxSubjects, maxInstants int

	live     int // subjects
	instants int // capacity for instants, in cells and in ring buffers
	removed  int // subjects that have been removed so far
	lanes    []*lane
	buffers  slab[ringBuffer]
	// floor is the latest end of a window that was removed as expired. A caller whose now is
	// earlier would find neither the subject nor its grants, so it counts as being at the floor.
	floor     throttle.Instant
	forgotten uint64
	// forgot is when a subject was forgotten last; 0 for never.
	forgot throttle.Instant

	_ [40]byte // shards are locked by different cores, so they must not share a cache line
}

// lookup is the state of one check during a decision.
type lookup struct {
	hash    uint64
	shard   *shard
	lane    *lane            // of the window; nil if there is none yet
	entry   entry            // of the subject; none if it is unknown
	at      throttle.Instant // the effective now
	counted int              // grants in the window
	removed int              // shard.removed when entry was found
}

// find finds the subject of a check.
func (s *shard) find(c *throttle.Check, l *lookup) {
	l.lane, l.removed = s.laneOf(c.Window), s.removed
	if l.lane != nil {
		l.entry = l.lane.find(l.hash, &c.Subject)
	}
}

// add adds a check to a decision. find must have been called for it.
func (s *shard) add(to *throttle.Decision, c *throttle.Check, l *lookup,
	now throttle.Instant) {
	var grants throttle.Grants
	if l.entry.ref == none {
		l.at = max(now, s.floor)
	} else {
		s.read(&l.entry, &grants)
		l.at = grants.Effective(now)
	}
	l.counted = c.Limit - to.Add(c, &grants, l.at).Remaining
}

// read reads an entry's instants, in order.
func (s *shard) read(e *entry, grants *throttle.Grants) {
	if buffer := e.header().buffer; buffer != none {
		grants[0], grants[1] = s.buffers.at(buffer).segments()
	}
	grants[2] = e.instants()
}

// grant records a grant for the subject of a check.
func (s *shard) grant(c *throttle.Check, l *lookup) {
	if l.removed != s.removed {
		s.find(c, l) // the subject may have been forgotten for another subject of this decision
	}
	if l.entry.ref != none {
		s.grantAgain(c, l)
		return
	}
	for s.live >= s.maxSubjects || s.instants >= s.maxInstants {
		s.makeRoom(l.at)
	}
	if l.lane = s.laneOf(c.Window); l.lane == nil {
		l.lane = s.addLane(c.Window)
	}
	l.lane.add(l.hash, &c.Subject, l.at)
	s.live++
	s.instants++
}

// grantAgain records another grant for a known subject. If it needs room, other subjects are
// forgotten, never this one: the entry is unlinked from its order meanwhile.
func (s *shard) grantAgain(c *throttle.Check, l *lookup) {
	e := &l.entry
	l.lane.unlink(e)
	if l.counted >= wideCapacity {
		s.spill(e.wide, l.counted, c.Limit, l.at)
	} else {
		s.releaseBuffer(e.header())
	}
	if counts := l.counted > 0; counts != e.isWide() {
		s.move(l)
	}
	e.push(l.at)
	l.lane.link(e)
}

// move moves an entry to a cell of the other kind.
func (s *shard) move(l *lookup) {
	if l.entry.isWide() {
		s.instants -= wideCapacity - 1
	} else {
		s.reserve(wideCapacity-1, l.at)
	}
	to := l.lane.cells.convert(&l.entry)
	l.lane.index.replace(l.entry.ref, to.ref, l.hash)
	l.entry = to
}

// spill moves the oldest instant in a cell to its ring buffer, because it still counts. counted is
// the number of instants that count, in the ring buffer and in the cell. The ring buffer is
// created, enlarged or shrunk to fit those that it must hold, and the others are dropped.
func (s *shard) spill(cell *wideCell, counted, limit int, now throttle.Instant) {
	kept := counted - wideCapacity + 1
	want := capacityFor(kept, limit)
	if cell.buffer == none {
		s.reserve(want, now)
		cell.buffer = s.buffers.allocate()
		s.buffers.at(cell.buffer).resize(want, 0)
	}
	buffer := s.buffers.at(cell.buffer)
	spent := int(buffer.n) + 1 - kept
	if capacity := len(buffer.slots); capacity < kept || capacity > 4*want {
		s.reserve(want-capacity, now)
		buffer.resize(want, spent)
	} else {
		buffer.drop(spent)
	}
	buffer.push(cell.instants[0])
}

// reserve adds more, which may be negative, to the capacity for instants in use. It makes room if
// the maximum would be exceeded.
func (s *shard) reserve(more int, now throttle.Instant) {
	for s.instants+more > s.maxInstants {
		s.makeRoom(now)
	}
	s.instants += more
}

// capacityFor returns the capacity of a ring buffer that must hold kept instants: the next of 4,
// 12, 28, …, so that it is a power of two together with that of the cell, but no more than the
// limit can ever need.
func capacityFor(kept, limit int) int {
	total := 2 * wideCapacity
	for total-wideCapacity < kept {
		total *= 2
	}
	return max(kept, min(total, limit)-wideCapacity)
}

// releaseBuffer releases the ring buffer of an entry, if it has one.
func (s *shard) releaseBuffer(h *header) {
	if h.buffer != none {
		s.instants -= len(s.buffers.at(h.buffer).slots)
		s.buffers.release(h.buffer)
		h.buffer = none
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
			ref := l.order.first(emptyAtOnce * count)
			if ref == none {
				break // no entry, or more empty places than this decision skips
			}
			first := l.cells.at(ref)
			if l.due = l.expiry(&first); l.due <= now {
				s.removeExpired(l, &first)
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
func (s *shard) removeExpired(l *lane, first *entry) {
	s.floor = max(s.floor, l.expiry(first))
	s.remove(l, first)
}

// makeRoom removes one entry from a lane; there must be one. It prefers an entry that has expired.
// Otherwise it forgets the entry with the oldest last grant.
func (s *shard) makeRoom(now throttle.Instant) {
	var of *lane
	var oldest entry
	for _, l := range s.lanes {
		ref := l.order.first(math.MaxInt)
		if ref == none {
			continue
		}
		first := l.cells.at(ref)
		if l.expiry(&first) <= now {
			s.removeExpired(l, &first)
			return
		}
		if oldest.ref == none || first.last() < oldest.last() {
			of, oldest = l, first
		}
	}
	s.forgotten, s.forgot = s.forgotten+1, now
	s.remove(of, &oldest)
}

// remove removes the first entry of a lane.
func (s *shard) remove(l *lane, first *entry) {
	s.releaseBuffer(first.header())
	s.instants -= len(first.instants())
	l.removeFirst(first.ref)
	s.live--
	s.removed++
}
