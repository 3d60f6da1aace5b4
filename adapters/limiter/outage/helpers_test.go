package outage_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/offload/sessiond/adapters/limiter/memory"
	"github.com/offload/sessiond/adapters/limiter/outage"
	"github.com/offload/sessiond/adapters/system/clock"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/ports/portsfake"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	timeout = 50 * time.Millisecond
	window  = time.Minute
	limit   = 4
)

var errBroken = errors.New("the server is broken")

// fault is how a server behaves.
type fault int32

const (
	healthy  fault = iota
	failing        // returns an error at failOnce
	hanging        // returns nothing until its context ends
	stuck          // ignores its context, and decides only once the fault changes
	slow           // ignores its context, and decides after twice the timeout
	readOnly       // answers, and grants nothing
	failOnce       // returns one error, and is healthy again
)

var faults = map[string]fault{
	"fails":                         failing,
	"hangs":                         hanging,
	"hangs and ignores its context": stuck,
	"is slow":                       slow,
	"is read-only":                  readOnly,
}

// server is a shared storage whose fault the test sets.
type server struct {
	mu      sync.Mutex
	storage *memory.Storage
	fault   fault
	changed chan struct{} // closed when the fault changes

	calls, inProgress, maxInProgress atomic.Int64
}

func newServer(t testing.TB) *server {
	t.Helper()
	return &server{storage: newMemory(t), changed: make(chan struct{})}
}

func newMemory(t testing.TB) *memory.Storage {
	t.Helper()
	storage, err := memory.New(100_000, portsfake.SameLimit(100))
	require.NoError(t, err)
	return storage
}

// setFault changes how the server behaves.
func (s *server) setFault(fault fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
	s.fault = fault
}

// loseData makes the server lose its data.
func (s *server) loseData(t testing.TB) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.storage = newMemory(t)
}

// next returns how the server handles the next call.
func (s *server) next() (fault, *memory.Storage, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault == failOnce {
		s.fault = healthy
		return failing, s.storage, s.changed
	}
	return s.fault, s.storage, s.changed
}

// Decide implements ports.LimiterStorage.
func (s *server) Decide(ctx context.Context, now throttle.Instant,
	checks throttle.Checks) (throttle.Decision, error) {
	s.calls.Add(1)
	for inProgress := s.inProgress.Add(1); ; {
		highest := s.maxInProgress.Load()
		if inProgress <= highest || s.maxInProgress.CompareAndSwap(highest, inProgress) {
			break
		}
	}
	defer s.inProgress.Add(-1)
	fault, storage, changed := s.next()
	switch fault {
	case failing:
		return throttle.Decision{}, errBroken
	case hanging:
		<-ctx.Done()
		return throttle.Decision{}, ctx.Err()
	case stuck:
		<-changed
	case slow:
		time.Sleep(2 * timeout)
	case readOnly:
		if checks.At(0).Limit == 1 { // a probe gets an answer, but no grant
			return throttle.Decision{}, nil
		}
		return throttle.Decision{}, errBroken
	case healthy, failOnce:
	}
	return storage.Decide(ctx, now, checks)
}

// recorder implements ports.Events and keeps the events.
type recorder struct {
	mu        sync.Mutex
	changes   []ports.Event
	decisions int
}

// Record implements ports.Events.
func (r *recorder) Record(_ context.Context, event ports.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := event.(ports.LimiterOutageDecision); ok {
		r.decisions++
		return
	}
	r.changes = append(r.changes, event)
}

// stateChanges returns the starts and ends of outages so far.
func (r *recorder) stateChanges() []ports.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]ports.Event(nil), r.changes...)
}

// seededEntropy implements ports.Entropy with a seed.
type seededEntropy struct {
	mu     sync.Mutex
	source *rand.Rand
}

// Fraction implements ports.Entropy.
func (e *seededEntropy) Fraction() float64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.source.Float64()
}

// replica is an outage.Storage around a server, on the synctest bubble's clock.
type replica struct {
	*outage.Storage
	events *recorder
	clock  ports.Clock
}

// newReplica returns a replica that is not started.
func newReplica(t testing.TB, shared ports.LimiterStorage, policy ports.OutagePolicy,
	clock ports.Clock, seed uint64) *replica {
	t.Helper()
	return newReplicaWithin(t, shared, policy, clock, seed, timeout)
}

// newReplicaWithin returns a replica with a timeout of its own.
func newReplicaWithin(t testing.TB, shared ports.LimiterStorage, policy ports.OutagePolicy,
	clock ports.Clock, seed uint64, timeout time.Duration) *replica {
	t.Helper()
	events := &recorder{}
	parts := outage.Parts{
		Shared: shared, Policy: policy, Timeout: timeout, Clock: clock, Events: events,
		Entropy: &seededEntropy{source: rand.New(rand.NewPCG(seed, 7))},
	}
	if policy != ports.OutageDeny {
		parts.Local = newMemory(t)
	}
	return &replica{Storage: outage.New(parts), events: events, clock: clock}
}

// start returns a replica that runs until the test ends.
func start(t *testing.T, shared ports.LimiterStorage, policy ports.OutagePolicy) *replica {
	t.Helper()
	r := newReplica(t, shared, policy, clock.New(), 1)
	r.Start(t.Context())
	t.Cleanup(r.Stop)
	return r
}

// decide makes a decision on one grant for a subject.
func (r *replica) decide(ctx context.Context, number int) (throttle.Decision, error) {
	return r.Decide(ctx, r.clock.Instant(), throttle.NewChecks(throttle.Check{
		Dimension: throttle.ByInstall, Subject: throttle.Subject{1, 0, byte(number >> 8),
			byte(number)}, Limit: limit, Window: window,
	}))
}

// timeToDecide returns how long a decision takes. The only error allowed is that of the deny
// policy.
func (r *replica) timeToDecide(t *testing.T, number int) time.Duration {
	t.Helper()
	before := time.Now()
	_, err := r.decide(t.Context(), number)
	if err != nil {
		require.ErrorAs(t, err, new(*outage.DeniedError))
	}
	return time.Since(before)
}

// wait waits for the goroutines of a group, inside a synctest bubble, and fails the test if they do
// not end.
func wait(t *testing.T, group *sync.WaitGroup) {
	t.Helper()
	const limit = 24 * time.Hour
	done := make(chan struct{})
	go func() {
		group.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(limit):
		t.Fatalf("the callers have not returned after %s", limit)
	}
}
