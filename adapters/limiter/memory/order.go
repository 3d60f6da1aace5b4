package memory

import (
	"slices"

	"github.com/offload/sessiond/domain/throttle"
)

// position is a place in an order. Positions wrap around, and are compared for equality only.
type position uint32

// order has the entries of a lane by their last grants, oldest first. It is a log: a grant appends
// the entry, and leaves its former place empty. So a grant touches no neighbours, which lie
// anywhere in memory, as it would in a linked list. The log is as long as the grants of about one
// window.
//
// Which places are taken is a bit for each, apart from the log: a place that is left lies anywhere
// in the log, but the bits of a million places stay in the cache.
type order struct {
	refs       []ref    // circular; its length is a power of two
	taken      []uint64 // a bit for each place
	begin, end position
}

// initialOrderSize is a multiple of the bits in a word.
const initialOrderSize = 64

func (o *order) slot(p position) int { return int(p) & (len(o.refs) - 1) }

// at returns what is at a place, none if it is empty.
func (o *order) at(p position) ref {
	slot := o.slot(p)
	if o.taken[slot/64]&(1<<(slot%64)) == 0 {
		return none
	}
	return o.refs[slot]
}

func (o *order) put(p position, entry ref) {
	slot := o.slot(p)
	o.taken[slot/64] |= 1 << (slot % 64)
	o.refs[slot] = entry
}

// leave makes a place empty.
func (o *order) leave(p position) {
	slot := o.slot(p)
	o.taken[slot/64] &^= 1 << (slot % 64)
}

func (o *order) isFull() bool { return int(o.end-o.begin) == len(o.refs) }

// grow makes room for as many places again. Each place keeps what it had, whichever half it comes
// to lie in; what the other half has there is overwritten when a place begins to lie in it.
func (o *order) grow() {
	if len(o.refs) == 0 {
		o.refs, o.taken = make([]ref, initialOrderSize), make([]uint64, initialOrderSize/64)
		return
	}
	o.refs, o.taken = slices.Concat(o.refs, o.refs), slices.Concat(o.taken, o.taken)
}

// emptyAtOnce is how many empty places a search for the first entry passes, for each one that it
// may find: more than the one that a grant leaves behind, so that they do not pile up.
const emptyAtOnce = 4

// first returns the entry whose last grant is the oldest, after passing at most so many empty
// places; none if there is none.
func (o *order) first(empty int) ref {
	for ; o.begin != o.end; o.begin++ {
		if entry := o.at(o.begin); entry != none {
			return entry
		}
		if empty == 0 {
			break
		}
		empty--
	}
	return none
}

// unlink takes an entry out of the order.
func (l *lane) unlink(e *entry) { l.order.leave(e.header().place) }

// link puts an entry into the order by its last grant: at the end, except for late callers.
func (l *lane) link(e *entry) {
	if l.order.isFull() {
		l.order.grow()
	}
	place, last := l.order.end, e.last()
	l.order.end++
	if last < l.latest {
		place = l.shift(place, last)
	}
	l.latest = max(l.latest, last)
	if expiry := last.After(l.window); expiry < l.due {
		l.due = expiry
	}
	l.order.put(place, e.ref)
	e.header().place = place
}

// shift moves what is at the places before one back by one each, as far as they are empty or their
// entries have later last grants than last, and returns the place that is free then.
func (l *lane) shift(place position, last throttle.Instant) position {
	for ; place != l.order.begin; place-- {
		before := l.order.at(place - 1)
		if before == none {
			l.order.leave(place)
			continue
		}
		e := l.cells.at(before)
		if e.last() <= last {
			break
		}
		e.header().place = place
		l.order.put(place, before)
	}
	return place
}
