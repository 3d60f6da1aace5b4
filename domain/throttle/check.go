// Package throttle is the exact sliding window, as arithmetic.
//
// The promise: in no half-open interval [s, s+W), wherever it starts, does a subject get more than N grants. It is kept by the
// instants of the last grants, at most N of them, and by nothing else. A storage keeps those instants and makes its answer
// atomic; what the answer is, is decided here. The package imports failure and the standard library.
package throttle

import "time"

// Instant is a point on one clock that never steps, in nanoseconds from wherever that clock began. Instants of two clocks
// have nothing to do with each other.
type Instant int64

// After is the instant d later.
func (i Instant) After(d time.Duration) Instant { return i + Instant(d) }

// Until is how long it is from i to later; negative where later is earlier.
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

// String is the dimension's name, as headers, logs and metrics know it.
func (d Dimension) String() string {
	switch d {
	case ByAddress:
		return "ip"
	case ByInstall:
		return "install_id"
	}
	return "unknown"
}

// Ask is one subject's wish for one grant. Limit is at least 1 and Window is above 0: the configuration sees to both.
type Check struct {
	Dimension Dimension
	Subject   Subject
	Limit     int
	Window    time.Duration
}

// MaxAsks is the most dimensions that one decision can ask.
const MaxChecks = 4

// Asks is what one request asks, all or nothing. It is an array, so that a decision allocates nothing.
type Checks struct {
	n  int
	of [MaxChecks]Check
}

// NewAsks puts asks together, in the order in which they are told, no two of them for one subject and window. More than MaxAsks is a
// defect, and panics.
func NewChecks(asks ...Check) Checks {
	if len(asks) > MaxChecks {
		panic("throttle: more asks than a decision can hold")
	}
	var a Checks
	a.n = copy(a.of[:], asks)
	return a
}

// Len is how many asks there are.
func (a *Checks) Len() int { return a.n }

// At is the ask at index i.
func (a *Checks) At(i int) Check { return a.of[i] }
