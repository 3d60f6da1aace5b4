package memory

import "github.com/offload/sessiond/domain/throttle"

// smallCapacity is how many instants a ring buffer holds without an allocation of its own. Together
// with the last instant, which is in the cell, that makes four: the usual limit of an installation.
const smallCapacity = 3

// ringBuffer holds instants in order, oldest first, in a circular array.
type ringBuffer struct {
	small [smallCapacity]throttle.Instant
	large []throttle.Instant // used in place of small if that is too small
	start int32
	n     int32
}

// slots returns the whole array, in memory order.
func (r *ringBuffer) slots() []throttle.Instant {
	if r.large != nil {
		return r.large
	}
	return r.small[:]
}

func (r *ringBuffer) capacity() int { return len(r.slots()) }

// segments returns the instants in order, as two slices: those up to the end of the array, then
// those that wrapped around to its start.
func (r *ringBuffer) segments() (older, newer []throttle.Instant) {
	slots, start, end := r.slots(), int(r.start), int(r.start+r.n)
	if end > len(slots) {
		return slots[start:], slots[:end-len(slots)]
	}
	return slots[start:end], nil
}

// drop removes the oldest count instants, or all if there are fewer.
func (r *ringBuffer) drop(count int) {
	dropped := min(int32(count), r.n)
	r.n -= dropped
	r.start += dropped
	if capacity := int32(r.capacity()); r.start >= capacity {
		r.start -= capacity
	}
}

// push adds the newest instant. The buffer must not be full.
func (r *ringBuffer) push(instant throttle.Instant) {
	slots, end := r.slots(), int(r.start+r.n)
	if end >= len(slots) {
		end -= len(slots)
	}
	slots[end] = instant
	r.n++
}

// resize drops the oldest count instants and moves the others to an array of another capacity,
// which must be large enough for them.
func (r *ringBuffer) resize(capacity, count int) {
	r.drop(count)
	older, newer := r.segments()
	var resized ringBuffer
	if capacity > smallCapacity {
		resized.large = make([]throttle.Instant, capacity)
	}
	slots := resized.slots()
	resized.n = int32(copy(slots, older))
	resized.n += int32(copy(slots[resized.n:], newer))
	*r = resized
}
