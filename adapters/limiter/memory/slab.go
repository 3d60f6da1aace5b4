package memory

// ref names an entry or a ring of a shard by its number, from 1. Numbers in place of pointers keep an entry short, and
// keep the garbage collector from walking over a million of them.
type ref uint32

const none ref = 0

// blockSize is how many things are allocated at once: they never move, and a shard of few costs little.
const blockSize = 128

// slab holds things of one kind, each under a number, and hands out again what was given back.
type slab[T any] struct {
	blocks []*[blockSize]T
	used   int // ever taken
	free   []ref
}

func (s *slab[T]) at(which ref) *T {
	i := int(which) - 1
	return &s.blocks[i/blockSize][i%blockSize]
}

// take is one that nobody has, as its zero value.
func (s *slab[T]) take() ref {
	if last := len(s.free) - 1; last >= 0 {
		taken := s.free[last]
		s.free = s.free[:last]
		return taken
	}
	if s.used == len(s.blocks)*blockSize {
		s.blocks = append(s.blocks, new([blockSize]T))
	}
	s.used++
	return ref(s.used)
}

func (s *slab[T]) giveBack(which ref) {
	var zero T
	*s.at(which) = zero
	s.free = append(s.free, which)
}
