package memory

// position is a place in an order. Positions wrap around, and are compared for equality only.
type position uint32

// order has the entries of a lane by their last grants, oldest first. It is a log: a grant appends
// the entry, and what it leaves behind at its former place is stale, which shows as the entry then
// has another place. So a grant touches no neighbours, which lie anywhere in memory, as it would in
// a linked list. The log is as long as the grants of about one window.
type order struct {
	entries    []ref // circular; its length is a power of two
	begin, end position
}

const initialOrderSize = 64

func (o *order) at(p position) *ref { return &o.entries[int(p)&(len(o.entries)-1)] }

// reserve makes room for one more entry.
func (o *order) reserve() {
	if int(o.end-o.begin) < len(o.entries) {
		return
	}
	larger := order{entries: make([]ref, max(initialOrderSize, 2*len(o.entries))), begin: o.begin,
		end: o.end}
	for p := o.begin; p != o.end; p++ {
		*larger.at(p) = *o.at(p)
	}
	*o = larger
}

// staleAtOnce is how many stale places a search for the first entry passes, for each one that it
// may find: more than the one that a grant leaves behind, so that they do not pile up.
const staleAtOnce = 4

// first returns the entry whose last grant is the oldest, after passing at most so many stale
// places; none if there is none.
func (l *lane) first(stale int) ref {
	for ; l.order.begin != l.order.end; l.order.begin++ {
		entry := *l.order.at(l.order.begin)
		if l.entries.at(entry).place == l.order.begin {
			return entry
		}
		if stale == 0 {
			break
		}
		stale--
	}
	return none
}

// unlink takes an entry out of the order: its place becomes stale.
func (l *lane) unlink(entry ref) { l.entries.at(entry).place = l.order.end }

// link puts an entry into the order by its last grant: at the end, except for late callers.
func (l *lane) link(entry ref) {
	l.order.reserve()
	e := l.entries.at(entry)
	place := l.order.end
	l.order.end++
	if e.last[0] < l.latest {
		place = l.shift(place, entry)
	}
	l.latest = max(l.latest, e.last[0])
	l.due = min(l.due, l.expiry(entry))
	*l.order.at(place) = entry
	e.place = place
}

// shift moves the places before one back by one each, as far as their entries have later grants
// than entry or are stale, and returns the place that is free then.
func (l *lane) shift(place position, entry ref) position {
	at := l.entries.at(entry).last[0]
	for ; place != l.order.begin; place-- {
		before := *l.order.at(place - 1)
		e := l.entries.at(before)
		if e.place == place-1 {
			if e.last[0] <= at {
				break
			}
			e.place = place
		}
		*l.order.at(place) = before
	}
	return place
}
