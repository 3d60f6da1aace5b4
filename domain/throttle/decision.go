package throttle

import (
	"time"

	"github.com/offload/sessiond/domain/failure"
)

// Decision is the outcome of a list of checks: the state of each limit afterwards. Either all
// checks were granted or none was. The zero value is undecided.
type Decision struct {
	n  int
	of [MaxChecks]State
}

// Decide decides on the states of all checks, taken before any grant. If every check can be
// granted, the decision holds their states after the grants.
func Decide(states ...State) Decision {
	var d Decision
	d.n = copy(d.of[:], states)
	if d.Refused() {
		return d
	}
	for i := range d.n {
		d.of[i] = d.of[i].Granted()
	}
	return d
}

// Decided reports whether there was a decision at all.
func (d *Decision) Decided() bool { return d.n > 0 }

// Len returns the number of states.
func (d *Decision) Len() int { return d.n }

// At returns the state at index i, in the order of the checks.
func (d *Decision) At(i int) State { return d.of[i] }

// Refused reports whether the decision granted nothing.
func (d *Decision) Refused() bool {
	for i := range d.n {
		if d.of[i].RetryAfter > 0 {
			return true
		}
	}
	return false
}

// Refusal returns the decision as an error if it refused. The dimension is the one with the longest
// wait, and the first of them if several are equal.
func (d *Decision) Refusal() (*Refusal, bool) {
	if !d.Refused() {
		return nil, false
	}
	longest := d.of[0]
	for i := 1; i < d.n; i++ {
		if d.of[i].RetryAfter > longest.RetryAfter {
			longest = d.of[i]
		}
	}
	return &Refusal{Dimension: longest.Check.Dimension, RetryAfter: longest.RetryAfter,
		Decision: *d}, true
}

// Refusal is the error for a request that exceeded a limit. No dimension was charged.
type Refusal struct {
	// Dimension is the one with the longest wait.
	Dimension Dimension
	// RetryAfter is the time until the same request can succeed; it is positive.
	RetryAfter time.Duration
	// Decision is the complete decision.
	Decision Decision
}

// Error returns the dimension.
func (r *Refusal) Error() string { return "throttled by " + r.Dimension.String() }

// FailureKind tells failure.RateLimited.
func (*Refusal) FailureKind() failure.Kind { return failure.RateLimited }

// RetryAfterSeconds returns RetryAfter in whole seconds, rounded up, so at least 1.
func (r *Refusal) RetryAfterSeconds() int { return Seconds(r.RetryAfter) }

// Seconds returns d in whole seconds, rounded up, so that waiting that long is sufficient.
func Seconds(d time.Duration) int {
	return int((d + time.Second - 1) / time.Second)
}
