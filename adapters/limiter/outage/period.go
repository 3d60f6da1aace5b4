package outage

import (
	"context"

	"github.com/offload/sessiond/ports"
)

// period is the time between two changes of state. An ask belongs to the one in which it began: what becomes of it later says nothing of the
// state after.
type period struct {
	cause error         // why the shared storage is out; nil where it is not
	over  chan struct{} // closed at the next change
}

func newPeriod(cause error) *period { return &period{cause: cause, over: make(chan struct{})} }

func (p *period) out() bool { return p.cause != nil }

// judge weighs the outcome of an ask that began in a period in which the shared storage counted as well; nil is a decision.
func (s *Storage) judge(during *period, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || s.period.Load() != during {
		return
	}
	if err == nil {
		s.breaker.RecordSuccess()
		return
	}
	s.breaker.RecordFailure()
	if s.breaker.IsOpen() {
		s.change(during, err)
		return
	}
	select {
	case s.doubt <- struct{}{}:
	default:
	}
}

// giveUp says that the shared storage is out, without weighing.
func (s *Storage) giveUp(during *period, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopped && s.period.Load() == during {
		s.breaker.Open()
		s.change(during, err)
	}
}

// comeBack says that the shared storage, which was out in that period, is well again. The probe alone says so.
func (s *Storage) comeBack(during *period) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return
	}
	s.breaker.Close()
	s.change(during, nil)
}

// change ends a period, tells so, and sends on their way all who wait in it. The lock is held.
func (s *Storage) change(during *period, cause error) {
	s.period.Store(newPeriod(cause))
	close(during.over)
	if cause != nil {
		s.parts.Events.Record(context.Background(),
			ports.LimiterOutageStarted{Policy: s.parts.Policy, Cause: cause})
		return
	}
	s.parts.Events.Record(context.Background(), ports.LimiterOutageEnded{Policy: s.parts.Policy})
}
