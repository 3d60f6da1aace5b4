// Package throttle implements an exact sliding window, as arithmetic.
//
// It guarantees that in no half-open interval [s, s+W), wherever it starts, a subject gets more
// than N grants. The instants of the last grants, at most N of them, are all the state that needs.
// A storage keeps these instants and makes decisions atomic; this package decides. It imports
// failure and the standard library.
package throttle

import "time"

// Instant is a point on one monotonic clock, in nanoseconds since an arbitrary start. Instants of
// different clocks cannot be compared.
type Instant int64

// After returns the instant d later.
func (i Instant) After(d time.Duration) Instant { return i + Instant(d) }

// Until returns the time from i to later, which is negative if later is earlier than i.
func (i Instant) Until(later Instant) time.Duration { return time.Duration(later - i) }

// Dimension is what a limit counts by.
type Dimension uint8

// The dimensions.
const (
	// ByAddress counts by the client's address.
	ByAddress Dimension = iota
	// ByInstall counts by the installation.
	ByInstall
)

// Dimensions lists every dimension.
func Dimensions() []Dimension { return []Dimension{ByAddress, ByInstall} }

// String returns the dimension's name in headers, logs and metrics.
func (d Dimension) String() string {
	switch d {
	case ByAddress:
		return "ip"
	case ByInstall:
		return "install_id"
	}
	return "unknown"
}

// Check checks for one grant for one subject. Limit is at least 1 and Window is positive; the
// configuration ensures both.
type Check struct {
	Dimension Dimension
	Subject   Subject
	Limit     int
	Window    time.Duration
}

// MaxChecks is the maximum number of checks in one decision.
const MaxChecks = 4

// Checks are the checks of one request: either all are granted or none is. It is an array, so that
// a decision does not allocate.
type Checks struct {
	n  int
	of [MaxChecks]Check
}

// NewChecks combines checks in the order in which they are reported. No two may be for the same
// subject and window. It panics if there are more than MaxChecks, which is a defect.
func NewChecks(checks ...Check) Checks {
	if len(checks) > MaxChecks {
		panic("throttle: more checks than a decision can hold")
	}
	var a Checks
	a.n = copy(a.of[:], checks)
	return a
}

// Len returns the number of checks.
func (c *Checks) Len() int { return c.n }

// At returns the check at index i.
func (c *Checks) At(i int) Check { return c.of[i] }
