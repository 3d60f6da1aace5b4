package outage

import (
	"context"

	"github.com/offload/sessiond/ports"
)

// period is the time between two state changes. A call belongs to the period in which it began: its
// outcome says nothing about the state in a later one.
type period struct {
	cause error         // why the shared storage is out; nil if it is healthy
	over  chan struct{} // closed at the next state change
}

func newPeriod(cause error) *period { return &period{cause: cause, over: make(chan struct{})} }

// out reports whether the shared storage is out during the period.
func (p *period) out() bool { return p.cause != nil }

// record counts the outcome of a call that began in a period in which the shared storage counted as
// healthy; err is nil if there was a decision. A failure that reaches the threshold starts an
// outage.
func (s *Storage) record(during *period, err error) {
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
	case s.suspect <- struct{}{}:
	default:
	}
}

// startOutage starts an outage at once, whatever the number of failures.
func (s *Storage) startOutage(during *period, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopped && s.period.Load() == during {
		s.breaker.Open()
		s.change(during, err)
	}
}

// endOutage ends the outage of a period. Only the probe calls it.
func (s *Storage) endOutage(during *period) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return
	}
	s.breaker.Close()
	s.change(during, nil)
}

// change ends a period, releases all callers that wait in it, and records the event. s.mu must be
// held.
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
