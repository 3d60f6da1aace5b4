package memory

import "github.com/offload/sessiond/domain/throttle"

// ringBuffer holds instants in order, oldest first, in a circular array.
type ringBuffer struct {
	slots []throttle.Instant
	start int32 // the index of the oldest instant
	n     int32 // the number of instants
}

// segments returns the instants in order, as two slices: those up to the end of the array, then
// those that wrapped around to its start.
func (r *ringBuffer) segments() (older, newer []throttle.Instant) {
	start, end := int(r.start), int(r.start+r.n)
	if end > len(r.slots) {
		return r.slots[start:], r.slots[:end-len(r.slots)]
	}
	return r.slots[start:end], nil
}

// drop removes the oldest count instants, or all if there are fewer.
func (r *ringBuffer) drop(count int) {
	dropped := min(int32(count), r.n)
	r.n -= dropped
	r.start += dropped
	if capacity := int32(len(r.slots)); r.start >= capacity {
		r.start -= capacity
	}
}

// push adds the newest instant. The buffer must not be full.
func (r *ringBuffer) push(instant throttle.Instant) {
	end := int(r.start + r.n)
	if end >= len(r.slots) {
		end -= len(r.slots)
	}
	r.slots[end] = instant
	r.n++
}

// resize drops the oldest count instants and moves the others to an array of another capacity,
// which must be large enough for them.
func (r *ringBuffer) resize(capacity, count int) {
	r.drop(count)
	older, newer := r.segments()
	resized := ringBuffer{slots: make([]throttle.Instant, capacity)}
	resized.n = int32(copy(resized.slots, older))
	resized.n += int32(copy(resized.slots[resized.n:], newer))
	*r = resized
}
