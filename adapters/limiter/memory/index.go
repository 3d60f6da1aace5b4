package memory

// index finds entries by hash: a table with open addressing and linear probing, at most half full, so that a search is short and
// ends. Taking an entry out closes the gap at once; there are no tombstones to sweep.
type index struct{ places []ref }

const firstIndexSize = 64

func (x *index) size() int { return len(x.places) }

func (x *index) first(hash uint64) int { return int(hash) & (len(x.places) - 1) }

func (x *index) next(place int) int { return (place + 1) & (len(x.places) - 1) }

// at is the entry in a place, none where it is empty; an index without places is empty everywhere.
func (x *index) at(place int) ref {
	if len(x.places) == 0 {
		return none
	}
	return x.places[place]
}

// put adds an entry; the table must not be full.
func (x *index) put(entry ref, hash uint64) {
	place := x.first(hash)
	for x.places[place] != none {
		place = x.next(place)
	}
	x.places[place] = entry
}

// grow doubles the table.
func (x *index) grow(hashOf func(ref) uint64) {
	known := x.places
	x.places = make([]ref, max(firstIndexSize, 2*len(known)))
	for _, entry := range known {
		if entry != none {
			x.put(entry, hashOf(entry))
		}
	}
}

// cut takes out an entry that is there, and moves back those behind it that would not be found across the gap.
func (x *index) cut(entry ref, hashOf func(ref) uint64) {
	gap := x.first(hashOf(entry))
	for x.places[gap] != entry {
		gap = x.next(gap)
	}
	x.places[gap] = none
	for place := x.next(gap); x.places[place] != none; place = x.next(place) {
		home := x.first(hashOf(x.places[place]))
		// The entry may fill the gap where its home does not lie between the gap and it.
		if (place-home)&(len(x.places)-1) >= (place-gap)&(len(x.places)-1) {
			x.places[gap], x.places[place] = x.places[place], none
			gap = place
		}
	}
}
