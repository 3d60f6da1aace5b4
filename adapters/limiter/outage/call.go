package outage

import (
	"context"
	"time"

	"github.com/offload/sessiond/domain/throttle"
)

// result is the outcome of a call to the shared storage.
type result struct {
	decision throttle.Decision
	err      error
	pending  bool // the storage has not answered yet
}

// call is a call to the shared storage that is in progress.
type call struct {
	answer chan result     // receives one result, eventually
	done   <-chan struct{} // closed when the storage has answered, or the deadline has passed
	cancel context.CancelFunc
}

// result returns the outcome of the call at this point.
func (c call) result() result {
	select {
	case answer := <-c.answer:
		return answer
	default:
		return result{err: errTimeout, pending: true}
	}
}

// callShared has the shared storage decide in a separate goroutine, so that a storage that ignores
// its context holds up that goroutine and not the caller. The call does not inherit the caller's
// cancellation, so every failure is the storage's own.
func (s *Storage) callShared(ctx context.Context, timeout time.Duration, now throttle.Instant,
	checks throttle.Checks) call {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	c := call{answer: make(chan result, 1), done: ctx.Done(), cancel: cancel}
	go func() {
		decision, err := s.parts.Shared.Decide(ctx, now, checks)
		// The answer must be sent before done is closed.
		c.answer <- result{decision: decision, err: err}
		cancel()
	}()
	return c
}

// recordAbandoned waits for a call whose caller went away, and records its outcome.
func (s *Storage) recordAbandoned(during *period, c call) {
	select {
	case <-during.over:
		c.cancel()
	case <-c.done:
		s.record(during, c.result().err)
	}
}
