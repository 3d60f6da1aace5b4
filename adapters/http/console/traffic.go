package console

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// The charts show slotCount slots of slotLength each: 15 minutes.
const (
	slotLength = 5 * time.Second
	slotCount  = 180
	// minuteSlots is how many slots make a minute.
	minuteSlots = int(time.Minute / slotLength)
)

// The indexes of the counts of a slot. Refusals by dimension follow, then what was shed by budget.
const (
	countNew = iota
	countRenewed
	countAnswered   // requests
	countFailed     // requests that were answered with a 5xx
	countUnknownKey // tokens with a key that is not in the keyset
	countProved     // proofs of device keys that were accepted
	countUnproved   // proofs of device keys that were rejected
	countOutage     // outages of the shared storage that began
	countStranger   // requests with forwarding headers of a peer that is not trusted
	firstDimension
)

var (
	dimensions  = throttle.Dimensions()
	budgets     = ports.Budgets()
	firstBudget = firstDimension + len(dimensions)
	counts      = firstBudget + len(budgets)
)

// countOf returns the index of the refusals by a dimension.
func countOf(dimension throttle.Dimension) int {
	return firstDimension + slices.Index(dimensions, dimension)
}

// shedOf returns the index of the connections and requests that were shed because of a budget.
func shedOf(budget ports.Budget) int { return firstBudget + slices.Index(budgets, budget) }

// slot holds the counts of one stretch of time.
type slot struct {
	tick   atomic.Int64 // slotLengths since the clock started; 0 for none
	counts []atomic.Uint32
}

// traffic is a ring buffer of slots.
type traffic struct {
	mu    sync.Mutex // held while a slot is emptied for another tick
	slots [slotCount]slot
}

// newTraffic returns a ring buffer of empty slots.
func newTraffic() *traffic {
	t := &traffic{}
	all := make([]atomic.Uint32, slotCount*counts)
	for i := range t.slots {
		t.slots[i].counts = all[i*counts : (i+1)*counts : (i+1)*counts]
	}
	return t
}

// tickOf returns the number of the slot that now is in. It is never 0.
func tickOf(now throttle.Instant) int64 { return int64(now)/int64(slotLength) + 1 }

// add counts one event at now.
func (t *traffic) add(now throttle.Instant, count int) {
	tick := tickOf(now)
	s := &t.slots[tick%slotCount]
	if s.tick.Load() != tick && !t.claim(s, tick) {
		return
	}
	s.counts[count].Add(1)
}

// claim empties a slot for a tick. It returns false if the slot is for a later one: the caller read
// its clock more than 15 minutes ago.
func (t *traffic) claim(s *slot, tick int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if held := s.tick.Load(); held >= tick {
		return held == tick
	}
	for i := range s.counts {
		s.counts[i].Store(0)
	}
	s.tick.Store(tick)
	return true
}

// read returns the counts of each slot, the oldest first. The last slot is that of now and still
// grows.
func (t *traffic) read(now throttle.Instant) [slotCount][]int {
	var read [slotCount][]int
	last := tickOf(now)
	for i := range read {
		read[i] = make([]int, counts)
		tick := last - slotCount + 1 + int64(i)
		s := &t.slots[((tick%slotCount)+slotCount)%slotCount]
		if s.tick.Load() != tick {
			continue
		}
		for j := range s.counts {
			read[i][j] = int(s.counts[j].Load())
		}
	}
	return read
}
