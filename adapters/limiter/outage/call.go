package outage

import (
	"context"
	"errors"
	"sync/atomic"
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
	pending  bool // the storage has not answered yet
}

// call is a call to the shared storage that is in progress.
type call struct {
	answer  chan result     // receives one result, eventually
	done    <-chan struct{} // closed when the storage has answered, or the deadline has passed
	cancel  context.CancelFunc
	expired atomic.Bool // the deadline has passed
}

// result returns the outcome of the call at this point.
func (c *call) result() result {
	select {
	case answer := <-c.answer:
		if c.expired.Load() && errors.Is(answer.err, context.Canceled) {
			answer.err = errTimeout // the storage was told to stop
		}
		return answer
	default:
		return result{err: errTimeout, pending: true}
	}
}

// callShared has the shared storage decide in a separate goroutine, so that a storage that ignores
// its context holds up that goroutine and not the caller. The call does not inherit the caller's
// cancellation, so every failure is the storage's own. It has the timeout of the pulse, and maxLate
// beyond it by the wall clock.
func (s *Storage) callShared(ctx context.Context, by *pulse, now throttle.Instant,
	checks throttle.Checks) *call {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), by.timeout+maxLate)
	c := &call{answer: make(chan result, 1), done: ctx.Done(), cancel: cancel}
	deadline := by.after(func() {
		c.expired.Store(true)
		cancel()
	})
	go func() {
		decision, err := s.parts.Shared.Decide(ctx, now, checks)
		deadline.stop()
		// The answer must be sent before done is closed.
		c.answer <- result{decision: decision, err: err}
		cancel()
	}()
	return c
}

// recordAbandoned waits for a call whose caller went away, and records its outcome.
func (s *Storage) recordAbandoned(during *period, c *call) {
	select {
	case <-during.over:
		c.cancel()
	case <-c.done:
		s.record(during, c.result().err)
	}
}
