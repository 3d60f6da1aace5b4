package memory

import (
	"fmt"

	"github.com/offload/sessiond/domain/throttle"
)

// Shards is over how many shards subjects are spread.
func (s *Storage) Shards() int { return len(s.shards) }

// Held is how many subjects each shard holds, those included whose window is empty and whose memory was not reused yet.
func (s *Storage) Held() []int {
	held := make([]int, len(s.shards))
	for i := range s.shards {
		held[i] = s.shards[i].live
	}
	return held
}

// Instants is how much room for instants all shards have given out.
func (s *Storage) Instants() int {
	total := 0
	for i := range s.shards {
		total += s.shards[i].instants
	}
	return total
}

// Grants lists the instants that the storage holds of an ask's subject, oldest first; none where it does not know the subject.
func (s *Storage) Grants(ask throttle.Check) []throttle.Instant {
	hash := hashOf(ask.Subject)
	shard := &s.shards[hash>>s.shift]
	entry := shard.find(hash, &ask)
	if entry == none {
		return nil
	}
	held := shard.grants(entry)
	var all []throttle.Instant
	for i := range held.Len() {
		all = append(all, held.At(i))
	}
	return all
}

// Check looks whether every shard is within its bounds and at one with itself.
func (s *Storage) Check() error {
	for i := range s.shards {
		if err := s.shards[i].check(s.shift, i); err != nil {
			return fmt.Errorf("shard %d: %w", i, err)
		}
	}
	return nil
}

func (s *shard) check(shift uint, number int) error {
	if s.live > s.maxSubjects || s.instants > s.maxInstants || s.live < 0 {
		return fmt.Errorf("%d subjects and %d instants, at most %d and %d", s.live, s.instants,
			s.maxSubjects, s.maxInstants)
	}
	queued, instants := 0, 0
	rings := map[ref]bool{}
	for i := range s.lanes {
		before := none
		for at := s.lanes[i].first; at != none; at = s.entries.at(at).next {
			e := s.entries.at(at)
			queued++
			if !e.live || int(e.lane) != i || e.prev != before {
				return fmt.Errorf("entry %d is out of its lane", at)
			}
			if before != none && s.lastOf(before) > s.lastOf(at) {
				return fmt.Errorf("entry %d is out of order", at)
			}
			hash := hashOf(e.subject)
			if int(hash>>shift) != number {
				return fmt.Errorf("entry %d is in the wrong shard", at)
			}
			if found := s.find(hash, &throttle.Check{Subject: e.subject,
				Window: s.lanes[i].window}); found != at {
				return fmt.Errorf("entry %d is not found: %d is", at, found)
			}
			instants++
			if e.ring != none {
				if rings[e.ring] {
					return fmt.Errorf("ring %d has two owners", e.ring)
				}
				rings[e.ring] = true
				instants += s.rings.at(e.ring).room()
			}
			if err := s.inOrder(at); err != nil {
				return err
			}
			before = at
		}
		if s.lanes[i].last != before {
			return fmt.Errorf("lane %d ends elsewhere", i)
		}
	}
	indexed := 0
	for _, entry := range s.index.places {
		if entry != none {
			indexed++
		}
	}
	switch {
	case queued != s.live || indexed != s.live || s.entries.used-len(s.entries.free) != s.live:
		return fmt.Errorf("%d live, %d queued, %d indexed, %d used", s.live, queued, indexed,
			s.entries.used-len(s.entries.free))
	case instants != s.instants:
		return fmt.Errorf("%d instants, %d counted", instants, s.instants)
	case s.rings.used-len(s.rings.free) != len(rings):
		return fmt.Errorf("%d rings are used, %d have an owner", s.rings.used-len(s.rings.free),
			len(rings))
	case 2*s.live > s.index.size():
		return fmt.Errorf("the index is more than half full: %d of %d", s.live, s.index.size())
	}
	return nil
}

func (s *shard) inOrder(entry ref) error {
	grants := s.grants(entry)
	for i := 1; i < grants.Len(); i++ {
		if grants.At(i-1) > grants.At(i) {
			return fmt.Errorf("entry %d: grants out of order", entry)
		}
	}
	return nil
}

// Places is the index under test: numbers with hashes of the test's choosing.
type Places struct {
	index  index
	hashes map[uint32]uint64
}

// NewPlaces makes an empty one.
func NewPlaces() *Places { return &Places{hashes: map[uint32]uint64{}} }

func (p *Places) hashOf(entry ref) uint64 { return p.hashes[uint32(entry)] }

// Put adds a number that is not there.
func (p *Places) Put(number uint32, hash uint64) {
	p.hashes[number] = hash
	if 2*len(p.hashes) > p.index.size() {
		p.index.grow(p.hashOf)
	}
	p.index.put(ref(number), hash)
}

// Cut takes out a number that is there.
func (p *Places) Cut(number uint32) {
	p.index.cut(ref(number), p.hashOf)
	delete(p.hashes, number)
}

// Find walks from a number's home until it is there, or to the first empty place.
func (p *Places) Find(number uint32, hash uint64) (steps int, found bool) {
	for place := p.index.first(hash); ; place = p.index.next(place) {
		switch p.index.at(place) {
		case none:
			return steps, false
		case ref(number):
			return steps, true
		}
		steps++
	}
}

// Size is how many places there are, and how many are taken.
func (p *Places) Size() (places, taken int) {
	for _, entry := range p.index.places {
		if entry != none {
			taken++
		}
	}
	return p.index.size(), taken
}
