package server

// queue is a doubly linked list whose links are part of what they link, so that joining and leaving
// it allocate nothing and take the same time at any length.
type queue[T any] struct {
	first, last *link[T]
	size        int
}

// link makes its owner a possible member of one queue at a time.
type link[T any] struct {
	owner          T
	in             *queue[T] // nil outside a queue
	previous, next *link[T]
}

// push moves l to the end of q.
func (q *queue[T]) push(l *link[T]) {
	l.leave()
	l.in, l.previous = q, q.last
	if q.last == nil {
		q.first = l
	} else {
		q.last.next = l
	}
	q.last = l
	q.size++
}

// leave takes l out of its queue, if it is in one.
func (l *link[T]) leave() {
	q := l.in
	if q == nil {
		return
	}
	if l.previous == nil {
		q.first = l.next
	} else {
		l.previous.next = l.next
	}
	if l.next == nil {
		q.last = l.previous
	} else {
		l.next.previous = l.previous
	}
	q.size--
	l.in, l.previous, l.next = nil, nil, nil
}
