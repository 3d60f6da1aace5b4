package memory

import "github.com/offload/sessiond/domain/throttle"

// ring holds instants in order, from the oldest on, in room that is used round and round.
type ring struct {
	instants []throttle.Instant
	start    int
	n        int
	next     ref // chains what is free
}

func (r *ring) room() int { return len(r.instants) }

// pieces shows the instants: those up to the end of the room, then those from its start.
func (r *ring) pieces() (older, newer []throttle.Instant) {
	if end := r.start + r.n; end > len(r.instants) {
		return r.instants[r.start:], r.instants[:end-len(r.instants)]
	}
	return r.instants[r.start : r.start+r.n], nil
}

// drop lets go of the oldest count instants, or of all where there are fewer.
func (r *ring) drop(count int) {
	count = min(count, r.n)
	r.n -= count
	if r.n == 0 {
		r.start = 0
		return
	}
	r.start = (r.start + count) % len(r.instants)
}

// push adds the newest instant; there must be room.
func (r *ring) push(instant throttle.Instant) {
	r.instants[(r.start+r.n)%len(r.instants)] = instant
	r.n++
}

// move drops count instants and brings the others into room of another size.
func (r *ring) move(room, count int) {
	r.drop(count)
	older, newer := r.pieces()
	moved := make([]throttle.Instant, room)
	r.n = copy(moved, older)
	r.n += copy(moved[r.n:], newer)
	r.instants, r.start = moved, 0
}

// rings are the rings of a shard.
type rings struct {
	all  []ring
	free ref
}

func (r *rings) at(which ref) *ring { return &r.all[which-1] }

// take is a ring without room.
func (r *rings) take() ref {
	if r.free != none {
		taken := r.free
		r.free = r.at(taken).next
		*r.at(taken) = ring{}
		return taken
	}
	r.all = append(r.all, ring{})
	return ref(len(r.all))
}

func (r *rings) giveBack(which ref) {
	*r.at(which) = ring{next: r.free}
	r.free = which
}
