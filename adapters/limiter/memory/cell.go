package memory

import (
	"math"

	"github.com/offload/sessiond/domain/throttle"
)

// Every entry, which is a subject with its last grants, has a cell: half a cache line for one with
// a single grant, as most have, and a whole line for one with up to four, the usual limit of an
// installation. So a decision reads one line for it, and no cell lies in two. An entry moves to the
// other kind of cell as its grants require; earlier grants than the last four are in a ring buffer.

// header is the beginning of both kinds of cell.
type header struct {
	subject throttle.Subject
	place   position // in the order of the lane
	buffer  ref      // the ring buffer with earlier grants; none if there is none
}

// narrowCell has 32 bytes.
type narrowCell struct {
	header
	instants [1]throttle.Instant
}

// wideCapacity is how many instants a wide cell holds.
const wideCapacity = 4

// wideCell has 64 bytes. Its instants are in order, oldest first; never stands for one that it does
// not have.
type wideCell struct {
	header
	instants [wideCapacity]throttle.Instant
	_        [8]byte
}

// never is an instant that lies in no window.
const never throttle.Instant = math.MinInt64

// cells holds the cells of a lane. They are numbered by kind, and an entry's ref is the number of
// its cell and, in the lowest bit, the kind.
type cells struct {
	wide   slab[wideCell]
	narrow slab[narrowCell]
}

// The kinds of cells in the lowest bit of a ref.
const (
	narrow ref = 0
	wide   ref = 1
)

// entry is a reference to the cell of an entry, of either kind; the zero value is to none.
type entry struct {
	ref    ref
	wide   *wideCell
	narrow *narrowCell
}

// at returns the entry with that ref.
func (c *cells) at(ref ref) entry {
	if ref&1 == wide {
		return entry{ref: ref, wide: c.wide.at(ref >> 1)}
	}
	return entry{ref: ref, narrow: c.narrow.at(ref >> 1)}
}

func (e *entry) isWide() bool { return e.wide != nil }

func (e *entry) header() *header {
	if e.isWide() {
		return &e.wide.header
	}
	return &e.narrow.header
}

// instants returns the instants in the cell, the newest last.
func (e *entry) instants() []throttle.Instant {
	if e.isWide() {
		return e.wide.instants[:]
	}
	return e.narrow.instants[:]
}

// last returns the last grant.
func (e *entry) last() throttle.Instant {
	if e.isWide() {
		return e.wide.instants[wideCapacity-1]
	}
	return e.narrow.instants[0]
}

// push adds the newest instant and drops the oldest.
func (e *entry) push(at throttle.Instant) {
	if e.isWide() {
		all := &e.wide.instants
		*all = [wideCapacity]throttle.Instant{all[1], all[2], all[3], at}
	} else {
		e.narrow.instants[0] = at
	}
}

// add returns a new entry, with a narrow cell.
func (c *cells) add(subject *throttle.Subject, at throttle.Instant) entry {
	added := c.at(c.narrow.allocate()<<1 | narrow)
	added.narrow.subject, added.narrow.instants[0] = *subject, at
	return added
}

// remove removes an entry.
func (c *cells) remove(ref ref) {
	if ref&1 == wide {
		c.wide.release(ref >> 1)
	} else {
		c.narrow.release(ref >> 1)
	}
}

// convert moves an entry to a cell of the other kind, and returns it. The entry must be unlinked
// from its order. Only its last grant is copied.
func (c *cells) convert(from *entry) entry {
	var to entry
	if from.isWide() {
		to = c.at(c.narrow.allocate()<<1 | narrow)
	} else {
		to = c.at(c.wide.allocate()<<1 | wide)
		to.wide.instants = [wideCapacity]throttle.Instant{never, never, never, never}
	}
	*to.header() = *from.header()
	to.push(from.last())
	c.remove(from.ref)
	return to
}
