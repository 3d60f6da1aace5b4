package memory

// ref refers to an entry or a ring buffer of a shard by its number, from 1. Numbers are smaller
// than pointers, and the garbage collector need not scan a million of them.
type ref uint32

// none refers to nothing.
const none ref = 0

// blockSize is how many items a slab allocates at once. Because a slab grows by blocks, items never
// move, and a shard with few items stays small.
const blockSize = 128

// slab allocates items of one type in blocks, each under a number, and reuses those that were
// released.
type slab[T any] struct {
	blocks []*[blockSize]T
	used   int   // numbers ever allocated
	free   []ref // released numbers
}

// at returns the item with that number.
func (s *slab[T]) at(number ref) *T {
	i := int(number) - 1
	return &s.blocks[i/blockSize][i%blockSize]
}

// allocate returns the number of an unused item, which is the zero value.
func (s *slab[T]) allocate() ref {
	if last := len(s.free) - 1; last >= 0 {
		number := s.free[last]
		s.free = s.free[:last]
		return number
	}
	if s.used == len(s.blocks)*blockSize {
		s.blocks = append(s.blocks, new([blockSize]T))
	}
	s.used++
	return ref(s.used)
}

// release zeroes an item and makes its number available again.
func (s *slab[T]) release(number ref) {
	var zero T
	*s.at(number) = zero
	s.free = append(s.free, number)
}
