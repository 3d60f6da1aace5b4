package memory

import "github.com/offload/sessiond/domain/throttle"

// smallRoom is how many instants a ring has room for without an allocation of its own: with the last one in the cell they are four, the
// usual limit of an installation.
const smallRoom = 3

// ring holds instants in order, from the oldest on, in room that is used round and round.
type ring struct {
	small [smallRoom]throttle.Instant
	large []throttle.Instant // in place of small, where that is too small
	start int32
	n     int32
}

// slots is the room as it lies.
func (r *ring) slots() []throttle.Instant {
	if r.large != nil {
		return r.large
	}
	return r.small[:]
}

func (r *ring) room() int { return len(r.slots()) }

// pieces shows the instants: those up to the end of the room, then those from its start.
func (r *ring) pieces() (older, newer []throttle.Instant) {
	slots, start, end := r.slots(), int(r.start), int(r.start+r.n)
	if end > len(slots) {
		return slots[start:], slots[:end-len(slots)]
	}
	return slots[start:end], nil
}

// drop lets go of the oldest count instants, or of all where there are fewer.
func (r *ring) drop(count int) {
	gone := min(int32(count), r.n)
	r.n -= gone
	r.start = (r.start + gone) % int32(r.room())
}

// push adds the newest instant; there must be room.
func (r *ring) push(instant throttle.Instant) {
	slots := r.slots()
	slots[int(r.start+r.n)%len(slots)] = instant
	r.n++
}

// move drops count instants and brings the others into room of another size, which holds them.
func (r *ring) move(room, count int) {
	r.drop(count)
	older, newer := r.pieces()
	var moved ring
	if room > smallRoom {
		moved.large = make([]throttle.Instant, room)
	}
	slots := moved.slots()
	moved.n = int32(copy(slots, older))
	moved.n += int32(copy(slots[moved.n:], newer))
	*r = moved
}
