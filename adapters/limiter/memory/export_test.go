package memory

import (
	"fmt"

	"github.com/offload/sessiond/domain/throttle"
)

// Shards returns the number of shards of a dimension's part.
func (s *Storage) Shards(dimension throttle.Dimension) int { return len(s.shardsOf(dimension)) }

func (s *Storage) shardsOf(dimension throttle.Dimension) []shard {
	to := s.routes[dimension]
	return s.shards[to.first:][:1<<(64-to.shift)]
}

// SubjectsByShard returns how many subjects each shard of a dimension's part holds, including those
// that have expired but were not removed yet.
func (s *Storage) SubjectsByShard(dimension throttle.Dimension) []int {
	shards := s.shardsOf(dimension)
	counts := make([]int, len(shards))
	for i := range shards {
		counts[i] = shards[i].live
	}
	return counts
}

// Instants returns the total capacity for instants that all shards have allocated.
func (s *Storage) Instants() int {
	total := 0
	for i := range s.shards {
		total += s.shards[i].instants
	}
	return total
}

// Grants returns the instants that the storage holds for a check's subject, oldest first; none if
// it does not know the subject.
func (s *Storage) Grants(check throttle.Check) []throttle.Instant {
	hash := hashOf(&check.Subject)
	shard := &s.shards[s.routes[check.Dimension].shard(hash)]
	l := lookup{hash: hash}
	shard.find(&check, &l)
	if l.entry.ref == none {
		return nil
	}
	var held throttle.Grants
	shard.read(&l.entry, &held)
	var all []throttle.Instant
	for i := range held.Len() {
		if held.At(i) != never {
			all = append(all, held.At(i))
		}
	}
	return all
}

// CheckInvariants returns an error unless every shard is within its bounds and consistent.
func (s *Storage) CheckInvariants() error {
	for _, dimension := range append(throttle.Dimensions(), throttle.ByProof) {
		shards := s.shardsOf(dimension)
		for i := range shards {
			if err := shards[i].checkInvariants(s.routes[dimension].shift, i); err != nil {
				return fmt.Errorf("shard %d by %s: %w", i, dimension, err)
			}
		}
	}
	return nil
}

func (s *shard) checkInvariants(shift uint, number int) error {
	if s.live > s.maxSubjects || s.instants > s.maxInstants || s.live < 0 {
		return fmt.Errorf("%d subjects and %d instants, maximum %d and %d", s.live, s.instants,
			s.maxSubjects, s.maxInstants)
	}
	live, instants := 0, 0
	buffers := map[ref]bool{}
	for _, l := range s.lanes {
		if err := s.checkLane(l, shift, number, &instants, buffers); err != nil {
			return err
		}
		live += l.live
	}
	switch {
	case live != s.live:
		return fmt.Errorf("%d live, %d in lanes", s.live, live)
	case instants != s.instants:
		return fmt.Errorf("%d instants found, %d counted", instants, s.instants)
	case s.buffers.used-len(s.buffers.free) != len(buffers):
		return fmt.Errorf("%d ring buffers are used, %d have an owner",
			s.buffers.used-len(s.buffers.free), len(buffers))
	}
	return nil
}

func (s *shard) checkLane(l *lane, shift uint, number int, instants *int,
	buffers map[ref]bool) error {
	linked, before := 0, never
	for p := l.order.begin; p != l.order.end; p++ {
		at := l.order.at(p)
		if at == none {
			continue
		}
		linked++
		e := l.cells.at(at)
		last := e.last()
		if e.header().place != p {
			return fmt.Errorf("entry %d has the place %d, not %d", at, e.header().place, p)
		}
		if last < before {
			return fmt.Errorf("entry %d is out of order", at)
		}
		if last > l.latest {
			return fmt.Errorf("entry %d is later than the latest", at)
		}
		hash := hashOf(&e.header().subject)
		if int(hash>>shift) != number {
			return fmt.Errorf("entry %d is in the wrong shard", at)
		}
		if found := l.find(hash, &e.header().subject); found.ref != at {
			return fmt.Errorf("search for entry %d found %d", at, found.ref)
		}
		*instants += len(e.instants())
		if buffer := e.header().buffer; buffer != none {
			if buffers[buffer] {
				return fmt.Errorf("ring buffer %d has two owners", buffer)
			}
			buffers[buffer] = true
			*instants += len(s.buffers.at(buffer).slots)
		}
		var grants throttle.Grants
		s.read(&e, &grants)
		for i := 1; i < grants.Len(); i++ {
			if grants.At(i-1) > grants.At(i) {
				return fmt.Errorf("grants of entry %d are out of order", at)
			}
		}
		before = last
	}
	indexed := 0
	for _, held := range l.index.slots {
		if held != 0 {
			indexed++
		}
	}
	allocated := l.cells.narrow.used - len(l.cells.narrow.free) + l.cells.wide.used -
		len(l.cells.wide.free)
	if linked != l.live || indexed != l.live ||
		allocated != l.live {
		return fmt.Errorf("%d live, %d linked, %d indexed, %d allocated", l.live, linked, indexed,
			allocated)
	}
	if 2*l.live > l.index.size() {
		return fmt.Errorf("the index is more than half full: %d of %d", l.live, l.index.size())
	}
	return nil
}

// Index is an index of numbers with hashes that the test chooses.
type Index struct {
	index  index
	hashes map[uint32]uint64
}

// NewIndex returns an empty index.
func NewIndex() *Index {
	return &Index{index: newIndex(1 << 20), hashes: map[uint32]uint64{}}
}

func (x *Index) hashOf(entry ref) uint64 { return x.hashes[uint32(entry)] }

// Insert adds a number that is not in the index.
func (x *Index) Insert(number uint32, hash uint64) {
	x.hashes[number] = hash
	if 2*len(x.hashes) > x.index.size() {
		x.index.grow(x.hashOf)
	}
	x.index.insert(ref(number), hash)
}

// Remove removes a number that is in the index.
func (x *Index) Remove(number uint32) {
	x.index.remove(ref(number), x.hashOf)
	delete(x.hashes, number)
}

// Find searches from a number's home slot until it finds the number or an empty slot, and returns
// how many slots it passed.
func (x *Index) Find(number uint32, hash uint64) (steps int, found bool) {
	for slot := x.index.first(hash); ; slot = x.index.next(slot) {
		switch found, same := x.index.at(slot, hash); {
		case found == none:
			return steps, false
		case found == ref(number) && same:
			return steps, true
		}
		steps++
	}
}

// Size returns the number of slots, and how many are taken.
func (x *Index) Size() (slots, taken int) {
	for _, held := range x.index.slots {
		if held != 0 {
			taken++
		}
	}
	return x.index.size(), taken
}
