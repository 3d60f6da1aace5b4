package issue

import (
	"context"
	"net/netip"
	"time"

	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// ExplainedLimit is one limit that applies to a client.
type ExplainedLimit struct {
	Dimension throttle.Dimension
	// Subject is what grants are counted for: an address, a network or an install id.
	Subject string
	Limit   int
	// State is the current state of the limit; nil if no storage was read.
	State *LimitState
}

// LimitState is the state of a limit for one subject.
type LimitState struct {
	Remaining int
	// ResetAfter is how long until Remaining next increases; 0 if nothing is counted.
	ResetAfter time.Duration
	// Since is when the oldest grant that counts was made; zero if nothing is counted.
	Since time.Time
}

// Explainer describes the limits that apply to one client, and their state in a storage that
// replicas share. It takes no grant.
type Explainer struct {
	limits   Limits
	digester throttle.Digester
	view     ports.LimiterView
	clock    ports.Clock
}

// NewExplainer returns an Explainer that reads a storage; view is nil if there is none to read.
func NewExplainer(limits Limits, digester throttle.Digester, view ports.LimiterView,
	clock ports.Clock) *Explainer {
	return &Explainer{limits: limits, digester: digester, view: view, clock: clock}
}

// Explain returns the limits of a client, in the order in which they are reported. If install is
// nil, it leaves out the limits by installation. It returns the error of the view.
func (e *Explainer) Explain(ctx context.Context, client netip.Addr,
	install *session.InstallID) ([]ExplainedLimit, error) {
	var all []ExplainedLimit
	for _, dimension := range throttle.Dimensions() {
		var id session.InstallID
		switch {
		case install != nil:
			id = *install
		case !dimension.Shared():
			continue
		}
		text, limited := e.limits.Subject(dimension, client, id)
		if !limited {
			continue
		}
		limit := ExplainedLimit{Dimension: dimension, Subject: text, Limit: e.limits.Of(dimension)}
		if e.view != nil {
			state, err := e.state(ctx, limit)
			if err != nil {
				return nil, err
			}
			limit.State = &state
		}
		all = append(all, limit)
	}
	return all, nil
}

// state reads the state of a limit from the view.
func (e *Explainer) state(ctx context.Context, limit ExplainedLimit) (LimitState, error) {
	states, err := e.view.View(ctx, throttle.NewChecks(throttle.Check{Dimension: limit.Dimension,
		Subject: e.digester.Subject(limit.Dimension, limit.Subject), Limit: limit.Limit,
		Window: e.limits.Window}))
	if err != nil {
		return LimitState{}, err
	}
	found := LimitState{Remaining: states[0].Remaining, ResetAfter: states[0].ResetAfter}
	if found.ResetAfter > 0 {
		// Remaining increases when the oldest grant that counts leaves its window.
		found.Since = e.clock.Now().Add(found.ResetAfter - e.limits.Window)
	}
	return found, nil
}
