package redis

import (
	"context"
	"sync"
	"time"

	"github.com/offload/sessiond/ports"
)

// queryTimeout bounds one query of a server that is made for the operator, not for a request.
const queryTimeout = 2 * time.Second

// repairInterval is how often a server that evicts grants is asked whether it still does.
const repairInterval = 30 * time.Second

// EvictionWatch reads the eviction policy of a server at the start, after each outage and whenever
// the storage has connected anew, because the server may then be another one. It records each
// policy under which the server evicts grants once, as ports.LimiterMisconfigured, and looks every
// repairInterval from then on, until it can record ports.LimiterRepaired. A failed query is
// ignored: outages are recorded elsewhere, and Inspect reports the rest.
//
// It implements ports.Events, because it learns from the events of the limiter that an outage has
// ended. It passes all events on.
type EvictionWatch struct {
	server *Storage
	events ports.Events
	// pending holds at most one requested query: a second one would add nothing.
	pending chan struct{}
	stop    context.CancelFunc
	running sync.WaitGroup
}

// WatchEviction returns a watch of the server, which records to events. It runs between Start and
// Stop.
func (s *Storage) WatchEviction(events ports.Events) *EvictionWatch {
	return &EvictionWatch{server: s, events: events, pending: make(chan struct{}, 1)}
}

// Record implements ports.Events.
func (w *EvictionWatch) Record(ctx context.Context, event ports.Event) {
	w.events.Record(ctx, event)
	if _, ended := event.(ports.LimiterOutageEnded); ended {
		w.request()
	}
}

// Start makes the first query and waits for reasons to repeat it, in the background.
func (w *EvictionWatch) Start() {
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	w.request()
	w.server.server.watch(w.request)
	w.running.Go(func() { w.run(ctx) })
}

// Stop ends the watch. Events are still passed on.
func (w *EvictionWatch) Stop() {
	w.stop()
	w.running.Wait()
}

// request requests a query. It does not block.
func (w *EvictionWatch) request() {
	select {
	case w.pending <- struct{}{}:
	default:
	}
}

// run makes each requested query until ctx is done.
func (w *EvictionWatch) run(ctx context.Context) {
	recorded, forgo := NoEviction, func() bool { return false }
	defer func() { forgo() }()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.pending:
		}
		recorded = w.look(ctx, recorded)
		forgo()
		if recorded != NoEviction {
			forgo = w.server.server.after(repairInterval, w.request)
		}
	}
}

// look makes a query, records a policy other than the one that was recorded last, and returns the
// one that is recorded now.
func (w *EvictionWatch) look(ctx context.Context, recorded string) string {
	query, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	policy, err := w.server.EvictionPolicy(query)
	switch {
	case err != nil || policy == recorded:
		return recorded
	case policy == NoEviction:
		w.events.Record(ctx, ports.LimiterRepaired{})
	default:
		w.events.Record(ctx, ports.LimiterMisconfigured{Problem: evictionProblem(policy)})
	}
	return policy
}

// evictionProblem describes a server that evicts keys.
func evictionProblem(policy string) string {
	return "names a server whose maxmemory-policy is " + policy +
		": when its memory is full it evicts grants, and limits no longer hold"
}
