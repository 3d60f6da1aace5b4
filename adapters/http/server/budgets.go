package server

import (
	"context"

	"github.com/offload/sessiond/ports"
)

// Budgets bounds what the requests of all connections hold together. A request is in one of three
// states: it waits for its client, it waits for a slot, or it holds a slot and is being computed.
// The router knows the requests whose headers have ended; Limits has the listener add the others.
type Budgets struct {
	admission *admission
	waiting   *waiting
	events    ports.Events
}

// NewBudgets returns budgets with the given number of slots. Budgets that were reached are recorded
// as events.
func NewBudgets(slots int, clock ports.Clock, events ports.Events) *Budgets {
	return newBudgets(slots, maxQueued, maxWaiting, clock, events)
}

func newBudgets(slots, queueable, most int, clock ports.Clock, events ports.Events) *Budgets {
	b := &Budgets{admission: newAdmission(slots, queueable), events: events}
	b.waiting = newWaiting(most, clock, func(budget ports.Budget) {
		b.shed(context.Background(), budget)
	})
	return b
}

// shed records that a budget was reached.
func (b *Budgets) shed(ctx context.Context, budget ports.Budget) {
	b.events.Record(ctx, ports.RequestsShed{Budget: budget})
}
