package memory

import (
	"slices"

	"github.com/offload/sessiond/domain/throttle"
)

// position is a place in an order. Positions wrap around, and are compared for equality only.
type position uint32

// order lists the entries of a lane by their last grants, oldest first. It is a log: a grant
// appends the entry, and leaves its former place empty. In a linked list, a grant would write to
// neighbours that lie anywhere in memory. The log is about as long as the number of grants in one
// window.
//
// A bit map apart from the log says which places are taken: the place that a grant leaves empty
// lies anywhere in the log, but the bits of a million places stay in the cache.
type order struct {
	refs       []ref    // circular; its length is a power of two
	taken      []uint64 // a bit for each element of refs
	begin, end position // of the log; end is the first place behind it
}

// initialOrderSize is a power of two and a multiple of the bits in a word.
const initialOrderSize = 64

// slot returns the index of a place in refs.
func (o *order) slot(p position) int { return int(p) & (len(o.refs) - 1) }

// at returns the entry at a place; none if the place is empty.
func (o *order) at(p position) ref {
	slot := o.slot(p)
	if o.taken[slot/64]&(1<<(slot%64)) == 0 {
		return none
	}
	return o.refs[slot]
}

// put puts an entry at a place.
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

// grow doubles the number of places. Both halves of the new array are copies of the old one, so
// each place finds its entry in whichever half its slot is now. The other copy is overwritten when
// a place comes to use it.
func (o *order) grow() {
	if len(o.refs) == 0 {
		o.refs, o.taken = make([]ref, initialOrderSize), make([]uint64, initialOrderSize/64)
		return
	}
	o.refs, o.taken = slices.Concat(o.refs, o.refs), slices.Concat(o.taken, o.taken)
}

// emptyAtOnce is how many empty places a search for the first entry skips, for each entry that may
// be removed: more than the one place that a grant leaves empty, so that they do not pile up.
const emptyAtOnce = 4

// first returns the entry whose last grant is the oldest, and moves the beginning of the log to it.
// It skips at most maxEmpty empty places. It returns none if there is no entry, or if there are
// more empty places.
func (o *order) first(maxEmpty int) ref {
	for ; o.begin != o.end; o.begin++ {
		if entry := o.at(o.begin); entry != none {
			return entry
		}
		if maxEmpty == 0 {
			break
		}
		maxEmpty--
	}
	return none
}

// unlink removes an entry from the order.
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

// shift frees a place in the order for a last grant, and returns it. place must be the last place,
// and empty. Each entry with a later last grant moves back by one place.
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
