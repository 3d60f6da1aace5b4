package throttle

import (
	"time"

	"github.com/offload/sessiond/domain/failure"
)

// Decision is what became of a list of asks: how each stands afterwards. Either all were granted, or none was. The zero value says that
// nobody decided.
type Decision struct {
	n  int
	of [MaxChecks]State
}

// Decide judges how all asks stand, before anything is taken: where each may have a grant, the decision tells how they stand with it.
func Decide(standings ...State) Decision {
	var d Decision
	d.n = copy(d.of[:], standings)
	if d.Refused() {
		return d
	}
	for i := range d.n {
		d.of[i] = d.of[i].Granted()
	}
	return d
}

// Decided tells whether anybody decided at all.
func (d *Decision) Decided() bool { return d.n > 0 }

// Len is how many standings there are.
func (d *Decision) Len() int { return d.n }

// At is the standing at index i, in the order of the asks.
func (d *Decision) At(i int) State { return d.of[i] }

// Refused tells whether nothing was granted.
func (d *Decision) Refused() bool {
	for i := range d.n {
		if d.of[i].RetryAfter > 0 {
			return true
		}
	}
	return false
}

// Refusal is the decision as an error, where it refused: by the dimension with the longest wait, the one asked first when
// equal.
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

// Refusal is a request that was over a limit. Nothing was taken from any dimension.
type Refusal struct {
	// Dimension is the one that bars the way longest.
	Dimension Dimension
	// RetryIn is how long until the same request could pass; above 0.
	RetryAfter time.Duration
	// Decision is the whole of it.
	Decision Decision
}

// Error tells the dimension.
func (r *Refusal) Error() string { return "throttled by " + r.Dimension.String() }

// FailureKind tells failure.RateLimited.
func (*Refusal) FailureKind() failure.Kind { return failure.RateLimited }

// RetryAfter is RetryIn in whole seconds, rounded up, and so at least 1.
func (r *Refusal) RetryAfterSeconds() int { return Seconds(r.RetryAfter) }

// Seconds is d in whole seconds, rounded up: who waits that long has waited long enough.
func Seconds(d time.Duration) int {
	return int((d + time.Second - 1) / time.Second)
}
