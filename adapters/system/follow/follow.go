// Package follow keeps what was read from files up to date while the files change.
//
// A Follower watches the files through every link and folder on the way, and besides looks at them
// every two seconds, because bind mounts of single files, hard links, FUSE and network file systems
// give no events. Content counts once it has been quiet, and takes force only if it is good and
// new. All reloads are reported in the same events of ports. The package imports ports, securefile,
// fsnotify and the standard library.
package follow

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/offload/sessiond/adapters/system/securefile"
	"github.com/offload/sessiond/ports"
)

// When the files are looked at.
const (
	// Interval is how long after a look the next one begins if nothing else causes it.
	Interval = 2 * time.Second
	// quietPeriod is how long there must be no change before content counts: writers make several
	// changes at a time.
	quietPeriod = 100 * time.Millisecond
	// maxQuietWait is the longest wait for a quiet period.
	maxQuietWait = time.Second
	// lookTimeout is when a look has failed, in whole seconds.
	lookTimeout = 5 * time.Second
	// requestInterval is how long after a requested look the next requested one begins.
	requestInterval = time.Second
)

// Target is what a Follower keeps up to date: a value of type T. All functions but NewWatcher and
// Look are called by one goroutine.
type Target[T any] struct {
	// Paths are the files.
	Paths []string
	// Look reads the files and returns what they hold, or the current value itself, or why it must
	// not take force. It has no other effect: it runs in a goroutine that is abandoned if it takes
	// too long, and then its result is discarded. Errors with equal texts are the same error.
	Look func() (T, error)
	// Current returns the value in force.
	Current func() T
	// Same reports whether two values are of the same content.
	Same func(a, b T) bool
	// Replace puts a value in force, another one or the present one after a failure, and returns
	// the content that ports.Reloaded reports.
	Replace func(value T) ports.Content
	// Events receives ports.ReloadFailed and ports.WatchFailed of Material.
	Events   ports.Events
	Material ports.Material
	// Tolerance is how long an error of Look must last before it counts. Several files, which are
	// replaced one after the other, do not match for a moment.
	Tolerance time.Duration
	// NewWatcher returns a watcher. Nil selects the notifications of the operating system, which
	// tests whose clock is moved cannot use.
	NewWatcher func() Watcher
}

// Follower follows the files of a target between Start and Stop. Good content is in force two
// seconds after the file system shows it, and two seconds later where there are no events; anything
// else changes nothing.
type Follower[T any] struct {
	Target[T]
	requests chan struct{}
	failing  atomic.Bool
	// interval is Interval, except in tests.
	interval time.Duration

	stop    context.CancelFunc
	running sync.WaitGroup
}

// New returns a follower of a target. Until Start, nothing happens.
func New[T any](target Target[T]) *Follower[T] {
	if target.NewWatcher == nil {
		target.NewWatcher = newNotifier
	}
	return &Follower[T]{Target: target, requests: make(chan struct{}, 1),
		interval: Interval}
}

// Failing reports whether the last content that counted was bad. It is safe for concurrent use.
func (f *Follower[T]) Failing() bool { return f.failing.Load() }

// Request asks for a look at once, or a second after the last one that was requested. It returns
// immediately and is safe for concurrent use.
func (f *Follower[T]) Request() {
	select {
	case f.requests <- struct{}{}:
	default: // one is waiting already
	}
}

// Start follows the files until Stop. The end of ctx does not stop it.
func (f *Follower[T]) Start(ctx context.Context) {
	ctx, f.stop = context.WithCancel(context.WithoutCancel(ctx))
	f.running.Go(func() { f.run(ctx) })
}

// Stop ends the following; the value in force stays. It does not wait for a look that is in
// progress, but for a report that is.
func (f *Follower[T]) Stop() {
	if f.stop != nil {
		f.stop()
	}
	f.running.Wait()
}

func (f *Follower[T]) run(ctx context.Context) {
	watcher := f.NewWatcher()
	looker := newLooker(&f.Target, watcher)
	defer looker.stop()
	state := state[T]{Follower: f}
	requestable := time.Now()
	for quiet := false; ; {
		seen, ok := f.look(ctx, looker, &state)
		if !ok {
			return
		}
		pause := state.take(ctx, seen, quiet)
		var cause cause
		cause, quiet = f.wait(ctx, watcher.Changes(), pause, requestable)
		switch cause {
		case stopped:
			return
		case requested:
			requestable = time.Now().Add(requestInterval)
		case due, changed:
		}
	}
}

// look returns what a look finds, and false if ctx ended. A look that takes too long has failed:
// its result is discarded whenever it arrives, and another look begins then, not before.
func (f *Follower[T]) look(ctx context.Context, looker *looker[T], state *state[T]) (seen[T],
	bool) {
	for {
		looker.begin()
		timeout := time.NewTimer(lookTimeout)
		select {
		case <-ctx.Done():
			timeout.Stop()
			return seen[T]{}, false
		case seen := <-looker.seen:
			timeout.Stop()
			looker.idle = true
			return seen, true
		case <-timeout.C:
		}
		state.fail(ctx, securefile.TooSlowFault(int(lookTimeout/time.Second)))
		select {
		case <-ctx.Done():
			return seen[T]{}, false
		case <-looker.seen:
			looker.idle = true
		}
	}
}

// cause is why a wait ended.
type cause uint8

const (
	stopped cause = iota
	due
	changed
	requested
)

// wait returns when the files must be looked at again, and why: when the pause is over, when a look
// is requested, or a quiet period after a change. It also reports whether it saw a quiet period.
func (f *Follower[T]) wait(ctx context.Context, changes <-chan struct{}, pause time.Duration,
	requestable time.Time) (why cause, quiet bool) {
	next := time.NewTimer(pause)
	defer next.Stop()
	request := f.requests
	allowed := time.NewTimer(time.Until(requestable))
	defer allowed.Stop()
	if time.Now().Before(requestable) {
		request = nil // until allowed
	}
	for first := true; first; {
		select {
		case <-ctx.Done():
			return stopped, false
		case <-next.C:
			return due, false
		case <-allowed.C:
			request = f.requests
		case <-request:
			return requested, false
		case <-changes:
			first = false
		}
	}
	calm := time.NewTimer(quietPeriod)
	defer calm.Stop()
	next.Reset(maxQuietWait)
	for {
		select {
		case <-ctx.Done():
			return stopped, false
		case <-next.C:
			return changed, true // it never gets quiet
		case <-calm.C:
			return changed, true
		case <-changes:
			calm.Reset(quietPeriod)
		}
	}
}
