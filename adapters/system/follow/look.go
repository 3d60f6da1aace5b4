package follow

import "slices"

// seen is the result of a look.
type seen[T any] struct {
	value T
	// err is the reason why the content must not take force, or nil.
	err error
	// unwatched is the reason why not all of the paths are watched, or nil.
	unwatched error
}

// looker looks at files in a goroutine of its own, because a call of a file system that does not
// answer cannot be canceled.
type looker[T any] struct {
	orders chan struct{} // closed by stop
	seen   chan seen[T]
	done   chan struct{} // closed when the goroutine has ended
	// idle is false from begin until the result is received. The caller of begin sets it.
	idle bool
}

// newLooker returns a looker, which closes watcher when it stops.
func newLooker[T any](target *Target[T], watcher Watcher) *looker[T] {
	l := &looker[T]{orders: make(chan struct{}, 1), seen: make(chan seen[T], 1),
		done: make(chan struct{}), idle: true}
	go func() {
		defer close(l.done)
		defer watcher.Close()
		for range l.orders {
			// The files are watched before they are read, so that no later change is missed.
			unwatched := watcher.Watch(slices.Concat(target.Paths, target.Also)...)
			value, err := target.Look()
			l.seen <- seen[T]{value, err, unwatched}
		}
	}()
	return l
}

// begin begins a look. The result of the previous look must have been received.
func (l *looker[T]) begin() {
	l.idle = false
	l.orders <- struct{}{}
}

// stop ends the goroutine and the watch. It waits for them unless a look is in progress: they then
// end after the look.
func (l *looker[T]) stop() {
	close(l.orders)
	if l.idle {
		<-l.done
	}
}
