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
	"github.com/offload/sessiond/adapters/system"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	timeout = 50 * time.Millisecond
	window  = time.Minute
	limit   = 4
)

var errBroken = errors.New("the server is broken")

// fault is how a server does what it does.
type fault int32

const (
	well     fault = iota
	failing        // answers an error at once
	hung           // answers nothing, and looks at its context
	deaf           // answers nothing until it is well again, and looks at nothing; then it does what it was asked
	slow           // answers after twice the timeout, and looks at nothing
	readOnly       // answers, and grants nothing
	once           // answers one error, and is well again
)

var faults = map[string]fault{"fails": failing, "hangs": hung, "hangs and is deaf": deaf,
	"is slow": slow, "is read-only": readOnly}

// server is a shared storage that is as well as the test has it.
type server struct {
	mu      sync.Mutex
	storage *memory.Storage
	fault   fault
	mended  chan struct{}

	calls, underWay, most atomic.Int64
}

func newServer(t testing.TB) *server {
	t.Helper()
	return &server{storage: newMemory(t), mended: make(chan struct{})}
}

func newMemory(t testing.TB) *memory.Storage {
	t.Helper()
	storage, err := memory.New(100_000, 100)
	require.NoError(t, err)
	return storage
}

// is has the server be as the fault says.
func (s *server) is(fault fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.mended)
	s.mended = make(chan struct{})
	s.fault = fault
}

// forget has the server lose its data.
func (s *server) forget(t testing.TB) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.storage = newMemory(t)
}

func (s *server) now() (fault, *memory.Storage, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault == once {
		s.fault = well
		return failing, s.storage, s.mended
	}
	return s.fault, s.storage, s.mended
}

// Decide is ports.LimiterStorage's.
func (s *server) Decide(ctx context.Context, now throttle.Instant,
	asks throttle.Checks) (throttle.Decision, error) {
	s.calls.Add(1)
	for underWay := s.underWay.Add(1); ; {
		most := s.most.Load()
		if underWay <= most || s.most.CompareAndSwap(most, underWay) {
			break
		}
	}
	defer s.underWay.Add(-1)
	fault, storage, mended := s.now()
	switch fault {
	case failing:
		return throttle.Decision{}, errBroken
	case hung:
		<-ctx.Done()
		return throttle.Decision{}, ctx.Err()
	case deaf:
		<-mended
	case slow:
		time.Sleep(2 * timeout)
	case readOnly:
		if asks.At(0).Limit == 1 { // a probe is answered, by nobody who wrote
			return throttle.Decision{}, nil
		}
		return throttle.Decision{}, errBroken
	case well, once:
	}
	return storage.Decide(ctx, now, asks)
}

// heard is a ports.Events that remembers.
type heard struct {
	mu        sync.Mutex
	changes   []ports.Event
	decisions int
}

// Record is ports.Events'.
func (h *heard) Record(_ context.Context, event ports.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, is := event.(ports.LimiterOutageDecision); is {
		h.decisions++
		return
	}
	h.changes = append(h.changes, event)
}

func (h *heard) told() []ports.Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]ports.Event(nil), h.changes...)
}

// drawing is a ports.Entropy with a seed.
type drawing struct {
	mu   sync.Mutex
	from *rand.Rand
}

// Fraction is ports.Entropy's.
func (d *drawing) Fraction() float64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.from.Float64()
}

// replica is one outage.Storage around a server, on the bubble's clock.
type replica struct {
	*outage.Storage
	events *heard
	clock  ports.Clock
}

// newReplica makes a replica that is not started.
func newReplica(t testing.TB, shared ports.LimiterStorage, policy ports.OutagePolicy,
	clock ports.Clock, seed uint64) *replica {
	t.Helper()
	events := &heard{}
	parts := outage.Parts{
		Shared: shared, Policy: policy, Timeout: timeout, Clock: clock, Events: events,
		Entropy: &drawing{from: rand.New(rand.NewPCG(seed, 7))},
	}
	if policy == ports.OutageLocal {
		parts.Local = newMemory(t)
	}
	return &replica{Storage: outage.New(parts), events: events, clock: clock}
}

// start makes a replica that runs until the test's end.
func start(t *testing.T, shared ports.LimiterStorage, policy ports.OutagePolicy) *replica {
	t.Helper()
	r := newReplica(t, shared, policy, system.NewClock(), 1)
	r.Start(t.Context())
	t.Cleanup(r.Stop)
	return r
}

// askFor asks one grant for a subject.
func (r *replica) askFor(ctx context.Context, number int) (throttle.Decision, error) {
	return r.Decide(ctx, r.clock.Instant(), throttle.NewChecks(throttle.Check{
		Dimension: throttle.ByInstall, Subject: throttle.Subject{1, 0, byte(number >> 8),
			byte(number)}, Limit: limit, Window: window,
	}))
}

// takes is how long an ask took, which must fail as nothing but the policy has it.
func (r *replica) takes(t *testing.T, number int) time.Duration {
	t.Helper()
	before := time.Now()
	_, err := r.askFor(t.Context(), number)
	if err != nil {
		require.ErrorAs(t, err, new(*outage.DeniedError))
	}
	return time.Since(before)
}
