package throttle

import (
	"encoding/binary"
	"math/bits"
	"time"

	"github.com/offload/sessiond/domain/failure"
)

// Decision is the outcome of a list of checks: the state of each check after the decision. Either
// all were granted or none was. The zero value means that no decision was made.
type Decision struct {
	n  int
	of [MaxChecks]State
}

// Decide decides on checks, given the state of each before the decision. If every check can be
// granted, the decision holds their states after the grants.
func Decide(states ...State) Decision {
	var d Decision
	d.n = copy(d.of[:], states)
	d.Settle()
	return d
}

// Add adds a check to a decision that is not settled, with the state that Check.State computes from
// grants and now, and returns that state. Add and Settle together do what Decide does without
// copying states, for storages that are called very often.
func (d *Decision) Add(check *Check, grants *Grants, now Instant) *State {
	state := &d.of[d.n]
	state.Check = *check
	state.count(grants, now)
	d.n++
	return state
}

// Settle decides on the checks that were added: if every one can be granted, their states become
// those after the grants. It reports whether the checks were granted.
func (d *Decision) Settle() (granted bool) {
	if d.Refused() {
		return false
	}
	for i := range d.n {
		d.of[i].grant()
	}
	return true
}

// Decided reports whether a decision was made at all.
func (d *Decision) Decided() bool { return d.n > 0 }

// Len returns the number of states.
func (d *Decision) Len() int { return d.n }

// At returns the state at index i, in the order of the checks.
func (d *Decision) At(i int) State { return d.of[i] }

// Refused reports whether the checks were refused.
func (d *Decision) Refused() bool {
	for i := range d.n {
		if d.of[i].RetryAfter > 0 {
			return true
		}
	}
	return false
}

// Refusal returns a refused decision as an error; refused is false if the decision is a grant. The
// dimension of the refusal is ByProof if the proof was used before, whatever else refused: a thief
// of the proof must not learn the state of the owner's limits. Otherwise it is the dimension with
// the longest wait; of equal waits, the one that was checked first.
func (d *Decision) Refusal() (refusal *Refusal, refused bool) {
	if !d.Refused() {
		return nil, false
	}
	longest := d.of[0]
	for i := range d.n {
		state := d.of[i]
		if state.RetryAfter > 0 && state.Check.Dimension == ByProof {
			longest = state
			break
		}
		if state.RetryAfter > longest.RetryAfter {
			longest = state
		}
	}
	return &Refusal{Dimension: longest.Check.Dimension, Window: longest.Check.Window,
		RetryAfter: longest.RetryAfter, Decision: *d}, true
}

// Refusal is the error for a request that would exceed a limit. The request is not counted against
// any limit.
type Refusal struct {
	// Dimension is the dimension that Decision.Refusal selects, and Window is its window.
	Dimension Dimension
	Window    time.Duration
	// RetryAfter is how long the client should wait; above 0. It is how long until the same request
	// could be granted, and longer after Spread.
	RetryAfter time.Duration
	// Decision is the complete decision.
	Decision Decision
}

// Spread adds a share of the window to RetryAfter if many installations share a subject of the
// dimension (see Dimension.Shared): otherwise all that were refused together would return together,
// and nearly all would be refused again. Shares are spread evenly over installations, and one
// installation always gets the same share.
func (r *Refusal) Spread(install Subject) {
	if !r.Dimension.Shared() {
		return
	}
	// share is window * n / 2^64, where n is the first 64 bits of the digest.
	share, _ := bits.Mul64(binary.BigEndian.Uint64(install[:]), uint64(r.Window))
	r.RetryAfter += time.Duration(share)
}

// Error implements error. It names the dimension.
func (r *Refusal) Error() string { return "throttled by " + r.Dimension.String() }

// FailureKind implements failure.Kinded. A proof that was used before is an invalid proof, which no
// wait makes valid.
func (r *Refusal) FailureKind() failure.Kind {
	if r.Dimension == ByProof {
		return failure.InvalidProof
	}
	return failure.RateLimited
}

// RetryAfterSeconds returns RetryAfter in whole seconds, rounded up, and so at least 1.
func (r *Refusal) RetryAfterSeconds() int { return Seconds(r.RetryAfter) }

// Seconds returns d in whole seconds, rounded up, so that a client that waits this long has waited
// long enough.
func Seconds(d time.Duration) int {
	return int((d + time.Second - 1) / time.Second)
}
