package outage

import "time"

// queue is a doubly linked list of calls in the order of their deadlines. Calls enter at the end,
// because all of a queue wait equally long. Entering and leaving allocate nothing. The zero value
// is an empty queue.
type queue struct{ ends place } // the first call comes after ends, the last one before it

// place is a call's place in a queue.
type place struct {
	call          *call
	at            time.Duration // the deadline
	before, after *place        // nil outside a queue
}

// enter adds a call at the end.
func (q *queue) enter(p *place) {
	if q.ends.after == nil {
		q.ends.before, q.ends.after = &q.ends, &q.ends
	}
	p.before, p.after = q.ends.before, &q.ends
	p.before.after, p.after.before = p, p
}

// leave removes a call, unless it is in no queue.
func (p *place) leave() {
	if p.after != nil {
		p.before.after, p.after.before = p.after, p.before
		p.before, p.after = nil, nil
	}
}

// first returns the first place, or nil if there is none.
func (q *queue) first() *place {
	if q.ends.after == &q.ends {
		return nil
	}
	return q.ends.after
}

// removePassed removes and returns the calls whose deadlines have passed.
func (q *queue) removePassed(now time.Duration) (passed []*call) {
	for first := q.first(); first != nil && first.at <= now; first = q.first() {
		first.leave()
		passed = append(passed, first.call)
	}
	return passed
}
