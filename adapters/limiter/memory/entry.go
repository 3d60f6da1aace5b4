package memory

import "github.com/offload/sessiond/domain/throttle"

// ref names an entry or a ring of a shard by its number, from 1. Numbers in place of pointers keep an entry short, and
// keep the garbage collector from walking over a million of them.
type ref uint32

const none ref = 0

// cell is one subject with its last grant: 40 bytes. Earlier grants that still count are in a ring.
type cell struct {
	subject    throttle.Subject
	last       [1]throttle.Instant // an array, so that it can be shown as a slice
	prev, next ref                 // in its lane; next also chains what is free
	ring       ref
	lane       uint16
	live       bool
}

// blockSize is how many cells are allocated at once: they never move, and a shard of few costs little.
const blockSize = 128

// entries are the cells of a shard.
type entries struct {
	blocks []*[blockSize]cell
	used   int // cells ever taken
	free   ref
}

func (e *entries) any() bool { return e.used > 0 }

func (e *entries) at(entry ref) *cell {
	i := int(entry) - 1
	return &e.blocks[i/blockSize][i%blockSize]
}

// take is a cell that nobody has.
func (e *entries) take() ref {
	if e.free != none {
		taken := e.free
		e.free = e.at(taken).next
		return taken
	}
	if e.used == len(e.blocks)*blockSize {
		e.blocks = append(e.blocks, new([blockSize]cell))
	}
	e.used++
	return ref(e.used)
}

func (e *entries) giveBack(entry ref) {
	e.at(entry).next = e.free
	e.free = entry
}
