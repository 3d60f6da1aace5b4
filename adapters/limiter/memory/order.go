package memory

import "github.com/offload/sessiond/domain/throttle"

// position is a place in an order. Positions wrap around, and are compared for equality only.
type position uint32

// order has the entries of a lane by their last grants, oldest first. It is a log: a grant appends
// the entry, and leaves its former place empty. So a grant touches no neighbours, which lie anywhere
// in memory, as it would in a linked list. The log is as long as the grants of about one window.
type order struct {
	refs       []ref // circular; its length is a power of two; none at an empty place
	begin, end position
}

const initialOrderSize = 64

func (o *order) at(p position) *ref { return &o.refs[int(p)&(len(o.refs)-1)] }

func (o *order) isFull() bool { return int(o.end-o.begin) == len(o.refs) }

// grow makes room for as many again.
func (o *order) grow() {
	larger := order{refs: make([]ref, max(initialOrderSize, 2*len(o.refs))), begin: o.begin,
		end: o.end}
	for p := o.begin; p != o.end; p++ {
		*larger.at(p) = *o.at(p)
	}
	*o = larger
}

// emptyAtOnce is how many empty places a search for the first entry passes, for each one that it
// may find: more than the one that a grant leaves behind, so that they do not pile up.
const emptyAtOnce = 4

// first returns the entry whose last grant is the oldest, after passing at most so many empty
// places; none if there is none.
func (o *order) first(empty int) ref {
	for ; o.begin != o.end; o.begin++ {
		if ref := *o.at(o.begin); ref != none {
			return ref
		}
		if empty == 0 {
			break
		}
		empty--
	}
	return none
}

// unlink takes an entry out of the order.
func (l *lane) unlink(e *entry) { *l.order.at(e.header().place) = none }

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
	l.due = min(l.due, last.After(l.window))
	*l.order.at(place) = e.ref
	e.header().place = place
}

// shift moves what is at the places before one back by one each, as far as they are empty or their
// entries have later last grants than last, and returns the place that is free then.
func (l *lane) shift(place position, last throttle.Instant) position {
	for ; place != l.order.begin; place-- {
		before := *l.order.at(place - 1)
		if before != none {
			e := l.cells.at(before)
			if e.last() <= last {
				break
			}
			e.header().place = place
		}
		*l.order.at(place) = before
	}
	return place
}
