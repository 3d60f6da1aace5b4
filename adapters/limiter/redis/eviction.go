package redis

import (
	"context"
	"sync"
	"time"

	"github.com/offload/sessiond/ports"
)

// queryTimeout bounds a query that is made for the operator, not for a request.
const queryTimeout = 2 * time.Second

// repairInterval is how often the policy of a server that evicts grants is read again.
const repairInterval = 30 * time.Second

// EvictionWatch reads the eviction policy of a server at the start, after each outage and whenever
// the storage has connected anew, because the server may then be another one. It records each
// policy under which the server evicts grants once, as ports.LimiterMisconfigured, and then reads
// the policy every repairInterval, until it can record ports.LimiterRepaired. A failed query is
// ignored: outages are recorded elsewhere, and Inspect reports other errors.
//
// It implements ports.Events, because an event of the limiter shows that an outage has ended. It
// passes all events on.
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
	w.server.server.notifyReplaced(w.request)
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
	recorded, stopTimer := NoEviction, func() bool { return false }
	defer func() { stopTimer() }()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.pending:
		}
		recorded = w.query(ctx, recorded)
		stopTimer()
		if recorded != NoEviction {
			stopTimer = w.server.server.after(repairInterval, w.request)
		}
	}
}

// query reads the policy, and records it unless it is the policy that was recorded last. It returns
// the policy that is recorded now.
func (w *EvictionWatch) query(ctx context.Context, recorded string) string {
	limited, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	policy, err := w.server.EvictionPolicy(limited)
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

// evictionProblem returns the Problem of a server that evicts keys.
func evictionProblem(policy string) string {
	return "names a server whose maxmemory-policy is " + policy +
		": when its memory is full it evicts grants, and limits no longer hold"
}
