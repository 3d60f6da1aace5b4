package memory

import (
	"math"

	"github.com/offload/sessiond/domain/throttle"
)

// Every entry, which is a subject with its last grants, has a cell: half a cache line for one with
// a single grant, as most have, and a whole line for one with up to four, the usual limit of an
// installation. So a decision reads one line for it, and no cell lies in two. An entry moves to the
// other kind of cell as its grants require; earlier grants than the last four are in a ring buffer.

// header begins both kinds of cell.
type header struct {
	subject throttle.Subject
	place   position // in the order of its lane
	buffer  ref      // its ring buffer; none if there is none
}

// narrowCell has 32 bytes.
type narrowCell struct {
	header
	last [1]throttle.Instant
}

// wideCapacity is how many instants a wide cell holds.
const wideCapacity = 4

// wideCell has 64 bytes. Its instants are in order, oldest first; never stands for one that it does
// not have.
type wideCell struct {
	header
	last [wideCapacity]throttle.Instant
	_    [8]byte
}

// never is an instant that lies in no window.
const never throttle.Instant = math.MinInt64

// push adds the newest instant in place of the oldest.
func (c *wideCell) push(at throttle.Instant) {
	copy(c.last[:], c.last[1:])
	c.last[wideCapacity-1] = at
}

// The cells of a lane are numbered by kind, and an entry is the number of its cell and, in the
// lowest bit, the kind.
const (
	narrow = 0
	wide   = 1
)

type cells struct {
	narrow slab[narrowCell]
	wide   slab[wideCell]
}

func (c *cells) isWide(entry ref) bool { return entry&1 == wide }

// header returns the header of an entry's cell.
func (c *cells) header(entry ref) *header {
	if c.isWide(entry) {
		return &c.wide.at(entry >> 1).header
	}
	return &c.narrow.at(entry >> 1).header
}

// instants returns the instants in an entry's cell, the newest last.
func (c *cells) instants(entry ref) []throttle.Instant {
	if c.isWide(entry) {
		return c.wide.at(entry >> 1).last[:]
	}
	return c.narrow.at(entry >> 1).last[:]
}

// last returns an entry's last grant.
func (c *cells) last(entry ref) throttle.Instant {
	if c.isWide(entry) {
		return c.wide.at(entry >> 1).last[wideCapacity-1]
	}
	return c.narrow.at(entry >> 1).last[0]
}

// add returns a new entry, with a narrow cell.
func (c *cells) add(subject *throttle.Subject, at throttle.Instant) ref {
	number := c.narrow.allocate()
	cell := c.narrow.at(number)
	cell.subject, cell.last[0] = *subject, at
	return number<<1 | narrow
}

// remove removes an entry.
func (c *cells) remove(entry ref) {
	if c.isWide(entry) {
		c.wide.release(entry >> 1)
	} else {
		c.narrow.release(entry >> 1)
	}
}

// widen moves an entry from a narrow cell to a wide one, and returns what it is then. It is in no
// order.
func (c *cells) widen(entry ref) ref {
	from, number := c.narrow.at(entry>>1), c.wide.allocate()
	to := c.wide.at(number)
	to.header, to.last = from.header, [wideCapacity]throttle.Instant{never, never, never, from.last[0]}
	c.narrow.release(entry >> 1)
	return number<<1 | wide
}

// narrowed moves an entry from a wide cell to a narrow one, with its last grant, and returns what
// it is then. It is in no order.
func (c *cells) narrowed(entry ref) ref {
	from, number := c.wide.at(entry>>1), c.narrow.allocate()
	to := c.narrow.at(number)
	to.header, to.last[0] = from.header, from.last[wideCapacity-1]
	c.wide.release(entry >> 1)
	return number<<1 | narrow
}
