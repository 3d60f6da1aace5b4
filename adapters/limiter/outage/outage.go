// Package outage is a limiter's storage around a shared one that may be out: each decision has a deadline, and where the shared storage fails
// it is the operator's policy that decides.
//
// After a few failures close together the shared storage counts as out, and no caller waits for it any more. Recovery is found by a background
// probe and never by a caller; from its success on every decision is shared again, and the same instant holds for all callers, so that nobody races
// anybody for a first try. Under the local policy, with R replicas, a subject gets at most (R+1)·N grants in any window: N of the shared storage and
// N of each replica's own, which keeps what it knows from one outage to the next. It imports domain, ports, failsafe-go and the standard
// library.
package outage

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// The shared storage is out when so many of its last answers were failures: one slow answer does not tip the scales, and one in three that
// fails, as with a lost node of a cluster, does.
const (
	tooManyFailures = 3
	ofLastAnswers   = 10
)

// The condition's words.
const (
	conditionName = "limiter"
	detailLocal   = "the shared storage is out: this replica decides alone"
	detailDeny    = "the shared storage is out: nobody is given a session"
	detailAllow   = "the shared storage is out: nobody is refused a session"
)

// Why the shared storage did not decide, where it named no error itself.
var (
	errTimeout = errors.New("no answer in time")
	errGivenUp = errors.New("not waited for")
)

// DeniedError is a decision that the policy refuses to make.
type DeniedError struct {
	// Cause is the shared storage's failure; never nil.
	Cause error
}

// Error tells the cause.
func (e *DeniedError) Error() string {
	return "nobody decides while the shared storage is out: " + e.Cause.Error()
}

// Unwrap tells the cause.
func (e *DeniedError) Unwrap() error { return e.Cause }

// Parts are what a Storage is made of; none may be missing, but for Local.
type Parts struct {
	Shared ports.LimiterStorage
	// Local decides under ports.OutageLocal, with the limits that it is asked; nil under any other policy.
	Local  ports.LimiterStorage
	Policy ports.OutagePolicy
	// Timeout is the longest that a caller waits for the shared storage; above 0.
	Timeout time.Duration
	Clock   ports.Clock
	Entropy ports.Entropy
	Events  ports.Events
}

// Storage is a ports.LimiterStorage, and the ports.Health of the shared one. Decide answers within the timeout and what the local storage
// needs. It fails with a *DeniedError under ports.OutageDeny, with the local storage's error under ports.OutageLocal, and with the context's where the
// caller went away. Under ports.OutageAllow what nobody decided is undecided.
type Storage struct {
	parts Parts

	mu      sync.Mutex // held where the state changes, so that what is told of it is told once and in order
	breaker circuitbreaker.CircuitBreaker[any]
	period  atomic.Pointer[period]
	doubt   chan struct{} // a failure that has not tipped the scales yet

	stopped bool // nothing is weighed or told any more; under mu
	stop    context.CancelFunc
	running sync.WaitGroup
	probes  chan struct{} // probes under way, those among them that nobody waits for any more
}

var (
	_ ports.LimiterStorage = (*Storage)(nil)
	_ ports.Health         = (*Storage)(nil)
)

// New makes a storage whose shared one counts as well. Recovery is found between Start and Stop alone.
func New(parts Parts) *Storage {
	s := &Storage{
		parts: parts,
		// It is opened by failures and closed by the probe. Nobody asks it for leave, so it never comes to be half open.
		breaker: circuitbreaker.NewBuilder[any]().WithFailureThresholdRatio(tooManyFailures,
			ofLastAnswers).Build(),
		doubt:  make(chan struct{}, 1),
		probes: make(chan struct{}, maxProbes),
	}
	s.period.Store(newPeriod(nil))
	return s
}

// Decide is ports.LimiterStorage's. A caller who goes away says nothing of the shared storage: it never hears of that, and its answer or its silence
// until the deadline counts as any other.
func (s *Storage) Decide(ctx context.Context, now throttle.Instant,
	asks throttle.Checks) (throttle.Decision, error) {
	if err := ctx.Err(); err != nil {
		return throttle.Decision{}, err
	}
	during := s.period.Load()
	if during.out() {
		return s.byPolicy(ctx, now, asks, during.cause)
	}
	asked := s.ask(ctx, s.parts.Timeout, now, asks)
	select {
	case <-ctx.Done():
		go s.attend(during, asked)
		return throttle.Decision{}, ctx.Err()
	case <-during.over: // others found it out: nobody waits any more
		asked.cancel()
		return s.byPolicy(ctx, now, asks, errGivenUp)
	case <-asked.ended:
	}
	got := asked.outcome()
	s.judge(during, got.err)
	if got.err != nil {
		return s.byPolicy(ctx, now, asks, got.err)
	}
	return got.decision, nil
}

// byPolicy decides in the shared storage's stead.
func (s *Storage) byPolicy(ctx context.Context, now throttle.Instant, asks throttle.Checks,
	cause error) (throttle.Decision, error) {
	s.parts.Events.Record(ctx, ports.LimiterOutageDecision{Policy: s.parts.Policy})
	switch s.parts.Policy {
	case ports.OutageLocal:
		return s.parts.Local.Decide(ctx, now, asks)
	case ports.OutageAllow:
		return throttle.Decision{}, nil
	case ports.OutageDeny:
	}
	return throttle.Decision{}, &DeniedError{Cause: cause}
}

// Condition is ports.Health's. An outage is a detail: taking every replica out for it would be the greater one.
func (s *Storage) Condition() ports.Condition {
	condition := ports.Condition{Name: conditionName, Ready: true}
	if !s.period.Load().out() {
		return condition
	}
	switch s.parts.Policy {
	case ports.OutageLocal:
		condition.Detail = detailLocal
	case ports.OutageDeny:
		condition.Detail = detailDeny
	case ports.OutageAllow:
		condition.Detail = detailAllow
	}
	return condition
}
