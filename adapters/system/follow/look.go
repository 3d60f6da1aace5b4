package follow

// seen is what a look found.
type seen[T any] struct {
	value T
	// err is why the value must not take force.
	err error
	// unwatched is why not all of the paths are watched.
	unwatched error
}

// looker looks at files in a goroutine of its own, because a file system may not answer for as long
// as it likes, and no call can be broken off.
type looker[T any] struct {
	orders chan struct{}
	seen   chan seen[T]
	done   chan struct{}
	// idle is false from begin until the result is received. The caller of begin sets it.
	idle bool
}

func newLooker[T any](target *Target[T], watcher Watcher) *looker[T] {
	l := &looker[T]{orders: make(chan struct{}, 1), seen: make(chan seen[T], 1),
		done: make(chan struct{}), idle: true}
	go func() {
		defer close(l.done)
		defer watcher.Close()
		for range l.orders {
			// The watch comes before the look: what changes after the look is reported.
			unwatched := watcher.Watch(target.Paths...)
			value, err := target.Look()
			l.seen <- seen[T]{value, err, unwatched}
		}
	}()
	return l
}

// begin begins a look. The one before must be over.
func (l *looker[T]) begin() {
	l.idle = false
	l.orders <- struct{}{}
}

// stop ends the goroutine and the watch. A look that is in progress ends them when it is over; stop
// does not wait for it.
func (l *looker[T]) stop() {
	close(l.orders)
	if l.idle {
		<-l.done
	}
}
