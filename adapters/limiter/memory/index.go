package memory

// index finds entries by hash. It is a hash table with open addressing and linear probing, at most
// half full, so that every search is short and ends. Removing an entry closes the gap at once, so
// there are no tombstones to clean up.
type index struct{ slots []ref }

const initialIndexSize = 64

func (x *index) size() int { return len(x.slots) }

// first returns the home slot of a hash, where a search for it begins.
func (x *index) first(hash uint64) int { return int(hash) & (len(x.slots) - 1) }

// next returns the slot that a search visits after slot.
func (x *index) next(slot int) int { return (slot + 1) & (len(x.slots) - 1) }

// at returns the entry in a slot, none if it is empty. An index without slots is empty everywhere.
func (x *index) at(slot int) ref {
	if len(x.slots) == 0 {
		return none
	}
	return x.slots[slot]
}

// insert adds an entry. The table must not be full.
func (x *index) insert(entry ref, hash uint64) {
	slot := x.first(hash)
	for x.slots[slot] != none {
		slot = x.next(slot)
	}
	x.slots[slot] = entry
}

// grow doubles the table.
func (x *index) grow(hashOf func(ref) uint64) {
	entries := x.slots
	x.slots = make([]ref, max(initialIndexSize, 2*len(entries)))
	for _, entry := range entries {
		if entry != none {
			x.insert(entry, hashOf(entry))
		}
	}
}

// remove removes an entry, which must be present, and moves back those behind it that a search
// would no longer find across the gap.
func (x *index) remove(entry ref, hashOf func(ref) uint64) {
	gap := x.first(hashOf(entry))
	for x.slots[gap] != entry {
		gap = x.next(gap)
	}
	x.slots[gap] = none
	for slot := x.next(gap); x.slots[slot] != none; slot = x.next(slot) {
		home := x.first(hashOf(x.slots[slot]))
		// The entry may fill the gap unless its home lies between the gap and the entry.
		if (slot-home)&(len(x.slots)-1) >= (slot-gap)&(len(x.slots)-1) {
			x.slots[gap], x.slots[slot] = x.slots[slot], none
			gap = slot
		}
	}
}
