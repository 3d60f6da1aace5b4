package outage

import (
	"context"
	"time"

	"github.com/offload/sessiond/domain/throttle"
)

// answer is what the shared storage said.
type answer struct {
	decision throttle.Decision
	err      error
	kept     bool // it said nothing yet
}

// asking is an ask of the shared storage that is under way.
type asking struct {
	answered chan answer     // one answer, some time
	ended    <-chan struct{} // it was answered, or the deadline is past
	cancel   context.CancelFunc
}

// outcome is what has become of an ask by now.
func (a asking) outcome() answer {
	select {
	case got := <-a.answered:
		return got
	default:
		return answer{err: errTimeout, kept: true}
	}
}

// ask has the shared storage decide, in a goroutine of its own: a storage that does not look at its context keeps that, and not the caller. The
// caller's going is kept from it, so that any failure is its own.
func (s *Storage) ask(ctx context.Context, timeout time.Duration, now throttle.Instant,
	asks throttle.Checks) asking {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	asked := asking{answered: make(chan answer, 1), ended: ctx.Done(), cancel: cancel}
	go func() {
		decision, err := s.parts.Shared.Decide(ctx, now, asks)
		asked.answered <- answer{decision: decision, err: err} // first the answer and then the end
		cancel()
	}()
	return asked
}

// attend judges an ask whose caller went away.
func (s *Storage) attend(during *period, asked asking) {
	select {
	case <-during.over:
		asked.cancel()
	case <-asked.ended:
		s.judge(during, asked.outcome().err)
	}
}
