// Package outage wraps a shared limiter storage that may be out: each decision has a deadline, and
// if the shared storage fails, the operator's policy decides.
//
// After a few failures close together the shared storage counts as out, and callers no longer wait
// for it. A background probe detects recovery, never a caller. From its success on every decision
// is shared again, for all callers from the same instant, so that there is no race for a first
// attempt. Under the local policy, with R replicas, a subject gets at most (R+1)·N grants in any
// window: N from the shared storage and N from each replica's own, which keeps its grants from one
// outage to the next. The package imports domain, ports, failsafe-go and the standard library.
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

// The shared storage is out if failureThreshold of its last thresholdWindow answers were failures.
// One slow answer stays below that; one failure in three answers, as with a lost node of a cluster,
// reaches it.
const (
	failureThreshold = 3
	thresholdWindow  = 10
)

// The texts of the readiness condition.
const (
	conditionName = "limiter"
	detailLocal   = "the shared storage is out: this replica decides alone"
	detailDeny    = "the shared storage is out: no sessions are issued"
	detailAllow   = "the shared storage is out: limits are not enforced"
)

// Why the shared storage did not decide, if it returned no error itself.
var (
	errTimeout   = errors.New("no answer in time")
	errAbandoned = errors.New("the wait was abandoned")
)

// longestWait is how long a caller waits at most, unless one and a half timeouts are longer. A
// deadline in beats is always somewhat later than its timeout, because each beat is a little late
// even if the process is hardly busy.
const longestWait = time.Second

// ErrBusy reports that there was no decision in time because this process was short of CPU. That
// says nothing about the storage, so no policy decides: a client could otherwise choose it.
var ErrBusy = errors.New("this process was too busy for a decision in time")

// DeniedError is the error for a decision that the policy refuses to make.
type DeniedError struct {
	// Cause is the shared storage's failure; never nil.
	Cause error
}

// Error implements error. It returns the cause's text, with a prefix.
func (e *DeniedError) Error() string {
	return "no decision while the shared storage is out: " + e.Cause.Error()
}

// Unwrap returns the cause.
func (e *DeniedError) Unwrap() error { return e.Cause }

// Parts holds the arguments of New. All fields but Local are required.
type Parts struct {
	Shared ports.LimiterStorage
	// Local decides in place of the shared storage, by the limits in the checks: on everything
	// under ports.OutageLocal; on proofs, so that none is accepted twice, under ports.OutageAllow.
	// It is nil under ports.OutageDeny, and may be nil under ports.OutageAllow if no proof is
	// checked.
	Local  ports.LimiterStorage
	Policy ports.OutagePolicy
	// Timeout is how long the shared storage may take; above 0. Time in which this process did not
	// run is not counted.
	Timeout time.Duration
	Clock   ports.Clock
	Entropy ports.Entropy
	Events  ports.Events
}

// Storage implements ports.LimiterStorage, and ports.Health for the shared storage. Decide returns
// within the timeout plus what the local storage needs; if this process is short of CPU, within a
// second, or one and a half timeouts if that is longer, and then with ErrBusy. It returns a
// *DeniedError under ports.OutageDeny, the local storage's error under ports.OutageLocal, and the
// context's error if the caller went away. Under ports.OutageAllow the decision is undecided if the
// shared storage did not make it, unless the local storage knows the proof: then it is refused.
type Storage struct {
	parts Parts
	pulse *pulse // the deadlines of all calls but the first probe

	mu      sync.Mutex // held for state changes, so that each is recorded once and in order
	breaker circuitbreaker.CircuitBreaker[any]
	period  atomic.Pointer[period]
	suspect chan struct{} // signals a failure that has not reached the threshold

	stopped bool // no outcome or event is recorded any more; guarded by mu
	stop    context.CancelFunc
	running sync.WaitGroup
	probes  chan struct{} // one element for each probe in progress, abandoned ones included
}

var (
	_ ports.LimiterStorage = (*Storage)(nil)
	_ ports.Health         = (*Storage)(nil)
)

// New returns a storage whose shared storage counts as healthy. Recovery from an outage is detected
// only between Start and Stop.
func New(parts Parts) *Storage {
	s := &Storage{
		parts: parts,
		pulse: newPulse(parts.Timeout),
		// Failures open the breaker, and the probe closes it. It never becomes half open, because
		// no call asks it for permission.
		breaker: circuitbreaker.NewBuilder[any]().WithFailureThresholdRatio(failureThreshold,
			thresholdWindow).Build(),
		suspect: make(chan struct{}, 1),
		probes:  make(chan struct{}, maxProbes),
	}
	s.period.Store(newPeriod(nil))
	return s
}

// Decide implements ports.LimiterStorage. If ctx is done, that does not count as a failure of the
// shared storage. The call to it continues, and its outcome, which may be that there is no answer
// before the deadline, counts as that of any other call.
func (s *Storage) Decide(ctx context.Context, now throttle.Instant,
	checks throttle.Checks) (throttle.Decision, error) {
	if err := ctx.Err(); err != nil {
		return throttle.Decision{}, err
	}
	during := s.period.Load()
	if during.out() {
		return s.byPolicy(ctx, now, checks, during.cause)
	}
	c := s.begin(ctx, during, s.pulse, now, checks)
	select {
	case <-ctx.Done():
		return throttle.Decision{}, ctx.Err()
	case <-during.over: // the outage was detected: stop waiting, unless it was by this call
		if c.abandon() {
			return s.byPolicy(ctx, now, checks, errAbandoned)
		}
		<-c.ready
	case <-c.ready:
	}
	switch err := c.result.err; {
	case err == nil:
		return c.result.decision, nil
	case errors.Is(err, ErrBusy):
		return throttle.Decision{}, err
	default:
		return s.byPolicy(ctx, now, checks, err)
	}
}

// byPolicy decides in place of the shared storage.
func (s *Storage) byPolicy(ctx context.Context, now throttle.Instant, checks throttle.Checks,
	cause error) (throttle.Decision, error) {
	s.parts.Events.Record(ctx, ports.LimiterOutageDecision{Policy: s.parts.Policy})
	switch s.parts.Policy {
	case ports.OutageLocal:
		return s.parts.Local.Decide(ctx, now, checks)
	case ports.OutageAllow:
		return s.byProofAlone(ctx, now, &checks)
	case ports.OutageDeny:
	}
	return throttle.Decision{}, &DeniedError{Cause: cause}
}

// byProofAlone has the local storage decide on the proof among the checks, and on nothing else. The
// decision is undecided unless the proof was used before.
func (s *Storage) byProofAlone(ctx context.Context, now throttle.Instant,
	checks *throttle.Checks) (throttle.Decision, error) {
	proof, found := checks.Proof()
	if !found {
		return throttle.Decision{}, nil
	}
	decision, err := s.parts.Local.Decide(ctx, now, proof)
	if err != nil || !decision.Refused() {
		return throttle.Decision{}, err
	}
	return decision, nil
}

// Condition implements ports.Health. An outage is only a detail of the condition and does not fail
// readiness: to take every replica out of service would be the greater outage.
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
