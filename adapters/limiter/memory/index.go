package memory

import "math/bits"

// index finds entries by hash. It is a hash table with open addressing and linear probing, at most
// half full, so that every search is short and ends. Removing an entry closes the gap at once, so
// there are no tombstones to clean up.
//
// A slot holds the ref of an entry in its low bits and a part of the entry's hash in the others, so
// that a search hardly ever reads the cell of another subject.
type index struct {
	slots   []uint32 // 0 is an empty slot
	refBits int      // how many bits a ref needs
}

// initialIndexSize is the number of slots of an empty index, a power of two.
const initialIndexSize = 64

// newIndex returns an empty index for refs up to largest.
func newIndex(largest int) index {
	return index{slots: make([]uint32, initialIndexSize), refBits: bits.Len(uint(largest))}
}

func (x *index) size() int { return len(x.slots) }

// first returns the home slot of a hash, where a search for it begins.
func (x *index) first(hash uint64) int { return int(hash) & (len(x.slots) - 1) }

// next returns the slot that a search visits after slot.
func (x *index) next(slot int) int { return (slot + 1) & (len(x.slots) - 1) }

// part returns the part of a hash that slots hold, shifted into place. Its bits select neither the
// slot nor the shard, so they tell apart entries with the same home slot.
func (x *index) part(hash uint64) uint32 { return uint32(hash>>24) << x.refBits }

// at returns the entry in a slot, none if it is empty, and reports whether it may have the hash.
func (x *index) at(slot int, hash uint64) (entry ref, same bool) {
	held := x.slots[slot]
	entry = x.entry(held)
	return entry, held == uint32(entry)|x.part(hash)
}

func (x *index) entry(held uint32) ref { return ref(held & (1<<x.refBits - 1)) }

// insert adds an entry. The table must not be full.
func (x *index) insert(entry ref, hash uint64) {
	x.put(x.first(hash), uint32(entry)|x.part(hash))
}

// put stores held, the content of a slot, in the first empty slot from slot on.
func (x *index) put(slot int, held uint32) {
	for x.slots[slot] != 0 {
		slot = x.next(slot)
	}
	x.slots[slot] = held
}

// grow doubles the number of slots.
func (x *index) grow(hashOf func(ref) uint64) {
	before := x.slots
	x.slots = make([]uint32, 2*len(before))
	for _, held := range before {
		if held != 0 {
			x.put(x.first(hashOf(x.entry(held))), held)
		}
	}
}

// replace replaces an entry, which must be present, by another entry with the same hash.
func (x *index) replace(entry, by ref, hash uint64) {
	slot := x.first(hash)
	for x.entry(x.slots[slot]) != entry {
		slot = x.next(slot)
	}
	x.slots[slot] = uint32(by) | x.part(hash)
}

// remove removes an entry, which must be present, and moves entries behind it into the gap if a
// search would no longer find them.
func (x *index) remove(entry ref, hashOf func(ref) uint64) {
	gap := x.first(hashOf(entry))
	for x.entry(x.slots[gap]) != entry {
		gap = x.next(gap)
	}
	x.slots[gap] = 0
	for slot := x.next(gap); x.slots[slot] != 0; slot = x.next(slot) {
		home := x.first(hashOf(x.entry(x.slots[slot])))
		// The entry may fill the gap unless its home lies between the gap and the entry.
		if (slot-home)&(len(x.slots)-1) >= (slot-gap)&(len(x.slots)-1) {
			x.slots[gap], x.slots[slot] = x.slots[slot], 0
			gap = slot
		}
	}
}
