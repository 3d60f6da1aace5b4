// Package follow reloads values from files when the files change.
//
// A Follower looks at its files, that is, it reads and checks them, whenever the file system
// reports a change of a file or of a link or folder on the way to it. It also looks every two
// seconds, because bind mounts of single files, hard links, FUSE and network file systems report no
// changes. Content is accepted after it has not changed for a quiet period, and takes force only if
// it is valid and differs from the content in force. Reloads of all kinds of files are reported in
// the same events of ports. The package imports ports, securefile, fsnotify and the standard
// library.
package follow

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/offload/sessiond/adapters/system/securefile"
	"github.com/offload/sessiond/ports"
)

// The times of looks.
const (
	// Interval is how long after a look the next one begins if nothing else causes one.
	Interval = 2 * time.Second
	// quietPeriod is how long there must be no change before content is accepted: writers make
	// several changes in a row.
	quietPeriod = 100 * time.Millisecond
	// maxQuietWait is the longest wait for a quiet period.
	maxQuietWait = time.Second
	// lookTimeout is how long a look may take before it has failed, in whole seconds.
	lookTimeout = 5 * time.Second
	// requestInterval is the shortest time between two looks caused by Request.
	requestInterval = time.Second
)

// Target describes a value of type T and the files that a Follower reloads it from. One goroutine
// calls all functions except NewWatcher and Look.
type Target[T any] struct {
	// Paths are the files. A failure names the file if there is only one.
	Paths []string
	// Also are further files that decide what Look returns. They are watched like Paths. If one of
	// them is at fault, the error of Look names it, because ReloadFailed.File does not.
	Also []string
	// Look reads the files and returns their value, which may be the current value itself, or an
	// error if the content must not take force. It must have no other effect: it runs in a
	// goroutine of its own, and its result is discarded if it takes too long. Errors with equal
	// texts count as the same error.
	Look func() (T, error)
	// Current returns the value in force.
	Current func() T
	// Same reports whether two values have the same content.
	Same func(a, b T) bool
	// Replace puts a value in force and returns the content that ports.Reloaded reports. After a
	// failure, the value may have the same content as the current one.
	Replace func(value T) ports.Content
	// Events receives ports.Reloaded, ports.ReloadFailed and ports.WatchFailed of Material.
	Events   ports.Events
	Material ports.Material
	// Tolerance is how long an error of Look must last before it is reported: files that are
	// replaced one after the other do not match for a moment.
	Tolerance time.Duration
	// NewWatcher returns a watcher. Nil selects the notifications of the operating system, which
	// do not work with the fake clock of synctest.
	NewWatcher func() Watcher
}

// Follower follows the files of a target between Start and Stop. Valid content is in force at most
// two seconds after the file system shows it, or four seconds if the file system reports no
// changes. Invalid content changes nothing.
type Follower[T any] struct {
	Target[T]
	requests chan struct{}
	failing  atomic.Bool
	// interval is Interval, except in tests.
	interval time.Duration

	stop    context.CancelFunc
	running sync.WaitGroup
}

// New returns a follower of target, which does nothing before Start.
func New[T any](target Target[T]) *Follower[T] {
	if target.NewWatcher == nil {
		target.NewWatcher = newNotifier
	}
	return &Follower[T]{Target: target, requests: make(chan struct{}, 1),
		interval: Interval}
}

// Failing reports whether the last result of a look that was acted on was an error. It is safe for
// concurrent use.
func (f *Follower[T]) Failing() bool { return f.failing.Load() }

// Request causes a look at once, but not earlier than a second after the last requested one. It
// does not wait for the look. It is safe for concurrent use.
func (f *Follower[T]) Request() {
	select {
	case f.requests <- struct{}{}:
	default: // one is waiting already
	}
}

// Start begins to follow the files, until Stop. The end of ctx does not stop it.
func (f *Follower[T]) Start(ctx context.Context) {
	ctx, f.stop = context.WithCancel(context.WithoutCancel(ctx))
	f.running.Go(func() { f.run(ctx) })
}

// Stop stops following the files; the value in force stays. It waits for an event that is being
// recorded, but not for a look in progress, whose result is discarded.
func (f *Follower[T]) Stop() {
	if f.stop != nil {
		f.stop()
	}
	f.running.Wait()
}

// run looks at the files and acts on the results until ctx ends.
func (f *Follower[T]) run(ctx context.Context) {
	watcher := f.NewWatcher()
	looker := newLooker(&f.Target, watcher)
	defer looker.stop()
	state := state[T]{Follower: f}
	requestable := time.Now() // when the next request may cause a look
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

// look returns the result of a look, or false if ctx ends before. A look that takes longer than
// lookTimeout is reported as failed, and its result is discarded. Only when that result arrives
// does another look begin.
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

// cause is the reason why a wait ended.
type cause uint8

const (
	stopped   cause = iota // the context ended
	due                    // the pause is over
	changed                // the watcher reported changes
	requested              // Request was called
)

// wait waits until the next look must begin, and returns why: the pause is over, a look was
// requested, or a quiet period has followed a change. quiet is true after changes: no other change
// was reported for a quiet period, or the wait for one has taken maxQuietWait.
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
	quietTimer := time.NewTimer(quietPeriod)
	defer quietTimer.Stop()
	next.Reset(maxQuietWait)
	for {
		select {
		case <-ctx.Done():
			return stopped, false
		case <-next.C:
			return changed, true // content that never stops changing is accepted too
		case <-quietTimer.C:
			return changed, true
		case <-changes:
			quietTimer.Reset(quietPeriod)
		}
	}
}
