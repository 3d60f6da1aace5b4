package portsfake

import (
	"context"
	"sync"

	"github.com/offload/sessiond/ports"
)

// Events is a ports.Events that keeps what is recorded. It is safe for concurrent use, and its zero
// value is ready.
type Events struct {
	mu       sync.Mutex
	recorded []ports.Event
}

// Record implements ports.Events.
func (e *Events) Record(_ context.Context, event ports.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.recorded = append(e.recorded, event)
}

// Recorded returns the events so far, in order.
func (e *Events) Recorded() []ports.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]ports.Event(nil), e.recorded...)
}
