package outage

import (
	"context"
	"sync"
	"time"

	"github.com/offload/sessiond/domain/throttle"
)

// maxLate is how much later than its timeout a call is given up at the latest, so that a storage
// that hangs is detected however busy the processors are.
const maxLate = 10 * time.Second

// result is the outcome of a call to the shared storage.
type result struct {
	decision throttle.Decision
	err      error
}

// call is a call to the shared storage that is in progress.
//
// It is made in a goroutine of its own, so that a storage that ignores its context holds up that
// goroutine and not the caller. The call does not inherit the caller's cancellation, so every
// failure is the storage's own. It has the timeout of its pulse, and maxLate beyond it by the wall
// clock.
//
// A call is also the context that the storage gets. One of the standard library, with its timer,
// takes longer than all else that a call needs here.
type call struct {
	storage *Storage
	period  *period // nil for a probe
	pulse   *pulse
	began   time.Duration   // by the wall clock of the pulse
	values  context.Context // has the values of the call's context
	now     throttle.Instant
	checks  throttle.Checks

	timeout, patience place // in the queues of the pulse

	ready  chan struct{} // closed once result is set
	result result        // for the caller

	mu        sync.Mutex
	delivered bool          // result is set
	settled   bool          // the storage has answered, or a deadline has passed
	done      chan struct{} // nil until the storage calls Done
	ended     error         // why the context is over; nil if it is not
}

var _ context.Context = (*call)(nil)

// begin begins a call in a period, nil for a probe, with the deadlines of a pulse.
func (s *Storage) begin(ctx context.Context, during *period, by *pulse, now throttle.Instant,
	checks throttle.Checks) *call {
	c := &call{storage: s, period: during, pulse: by, values: ctx, now: now, checks: checks,
		ready: make(chan struct{})}
	by.enter(c)
	go c.run()
	return c
}

// run makes the call.
func (c *call) run() {
	decision, err := c.storage.parts.Shared.Decide(c, c.now, c.checks)
	c.pulse.leave(c)
	if c.period == nil {
		<-c.storage.probes
	}
	c.finish(result{decision: decision, err: err}, context.Canceled)
}

// expire ends a call whose timeout has passed.
func (c *call) expire() { c.finish(result{err: errTimeout}, context.Canceled) }

// giveUp ends a call that is too late by the wall clock.
func (c *call) giveUp() { c.finish(result{err: errTimeout}, context.DeadlineExceeded) }

// releaseCaller ends the wait of the caller with ErrBusy. The call goes on, and its outcome counts.
func (c *call) releaseCaller() {
	if c.period != nil {
		c.mu.Lock()
		c.deliver(&result{err: ErrBusy})
		c.mu.Unlock()
	}
	time.AfterFunc(c.pulse.timeout+maxLate-c.pulse.patience, c.giveUp)
}

// finish ends a call with its outcome: the storage's answer, or that a deadline has passed,
// whichever comes first. The outcome is recorded before it is delivered. because is the error of
// the context from now on.
func (c *call) finish(outcome result, because error) {
	c.mu.Lock()
	first := !c.settled
	c.settled = true
	c.mu.Unlock()
	if !first {
		return
	}
	if c.period != nil {
		c.storage.record(c.period, outcome.err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deliver(&outcome)
	c.cancel(because)
}

// deliver sets the result for the caller, unless one was delivered before. mu must be held.
func (c *call) deliver(to *result) {
	if !c.delivered {
		c.result, c.delivered = *to, true
		close(c.ready)
	}
}

// abandon ends the context of a call whose outcome does not matter any more. It returns false, and
// does nothing, if the call is settled: then its result has been delivered or is about to be.
func (c *call) abandon() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.settled {
		return false
	}
	c.cancel(context.Canceled)
	return true
}

// cancel ends the context. mu must be held.
func (c *call) cancel(because error) {
	if c.ended != nil {
		return
	}
	c.ended = because
	if c.done != nil {
		close(c.done)
	}
}

// Deadline implements context.Context.
func (c *call) Deadline() (time.Time, bool) {
	return c.pulse.base.Add(c.began + c.pulse.timeout + maxLate), true
}

// Done implements context.Context.
func (c *call) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		if c.ended != nil {
			close(c.done)
		}
	}
	return c.done
}

// Err implements context.Context.
func (c *call) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

// Value implements context.Context.
func (c *call) Value(key any) any { return c.values.Value(key) }
