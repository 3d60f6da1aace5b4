// Package throttle implements the arithmetic of the exact sliding window.
//
// Its guarantee: in no half-open interval [s, s+W), wherever it starts, does a subject get more
// than N grants. The only state this needs is the instants of the last grants, at most N of them. A
// storage keeps those instants and makes each decision atomic; the decision itself is made here.
// The package imports failure, mac and the standard library.
package throttle

import "time"

// Instant is a point in time on a clock that never steps, in nanoseconds since that clock started.
// Instants of different clocks cannot be compared.
type Instant int64

// After returns the instant d later than i.
func (i Instant) After(d time.Duration) Instant { return i + Instant(d) }

// Until returns the duration from i to later; it is negative if later is before i.
func (i Instant) Until(later Instant) time.Duration { return time.Duration(later - i) }

// Dimension is what a limit counts, and for which property of a request: new sessions for each
// address, for example.
type Dimension uint8

// The dimensions, in the order in which they are reported.
const (
	// ByAddress counts new sessions by the client's address.
	ByAddress Dimension = iota
	// ByNetwork counts new sessions by the network that the client's address lies in.
	ByNetwork
	// ByInstall counts new sessions by the installation.
	ByInstall
	// ByRenewal counts renewals by the installation, apart from its new sessions: a stranger who
	// knows an install id cannot use up the renewals of its holder.
	ByRenewal
	// ByRenewalAddress counts renewals by the client's address.
	ByRenewalAddress
	// ByProof counts the uses of a proof of a device key, at most ProofLimit. No operator sets this
	// limit and no client sees it: it makes a storage remember proofs, so that none is accepted
	// twice.
	ByProof
)

// ProofLimit is how often one proof may be used.
const ProofLimit = 1

// Dimensions returns every dimension that is reported, in the order in which they are reported: all
// but ByProof.
func Dimensions() []Dimension {
	return []Dimension{ByAddress, ByNetwork, ByInstall, ByRenewal, ByRenewalAddress}
}

// String returns the name of the dimension in headers, logs and metrics; "unknown" if there is
// none.
func (d Dimension) String() string {
	switch d {
	case ByAddress:
		return "ip"
	case ByNetwork:
		return "network"
	case ByInstall:
		return "install_id"
	case ByRenewal:
		return "renewal"
	case ByRenewalAddress:
		return "renewal_ip"
	case ByProof:
		return "proof"
	}
	return "unknown"
}

// Shared reports whether many installations share one subject of the dimension.
func (d Dimension) Shared() bool {
	return d == ByAddress || d == ByNetwork || d == ByRenewalAddress
}

// A Check asks for one grant for one subject. Limit is at least 1 and Window is above 0; the
// configuration guarantees both.
type Check struct {
	Dimension Dimension
	Subject   Subject
	Limit     int
	Window    time.Duration
}

// MaxChecks is the maximum number of checks of one decision.
const MaxChecks = 4

// Checks are the checks of one request: either all are granted or none is. It is an array, so that
// a decision does not allocate.
type Checks struct {
	n  int
	of [MaxChecks]Check
}

// NewChecks returns the given checks, in the order in which they are reported. No two of them may
// be for the same subject and window. NewChecks panics if there are more than MaxChecks, which is a
// defect.
func NewChecks(checks ...Check) Checks {
	if len(checks) > MaxChecks {
		panic("throttle: more than MaxChecks checks")
	}
	var c Checks
	c.n = copy(c.of[:], checks)
	return c
}

// With returns a copy of the checks with one more. It panics if there are MaxChecks already, which
// is a defect.
func (c *Checks) With(check Check) Checks {
	if c.n == MaxChecks {
		panic("throttle: more than MaxChecks checks")
	}
	with := *c
	with.of[with.n] = check
	with.n++
	return with
}

// Proof returns the check of dimension ByProof alone; ok is false if there is none.
func (c *Checks) Proof() (proof Checks, ok bool) {
	for i := range c.n {
		if c.of[i].Dimension == ByProof {
			return NewChecks(c.of[i]), true
		}
	}
	return Checks{}, false
}

// Len returns the number of checks.
func (c *Checks) Len() int { return c.n }

// All returns the checks, without a copy: the caller must not change them.
func (c *Checks) All() []Check { return c.of[:c.n] }

// At returns the check at index i.
func (c *Checks) At(i int) Check { return c.of[i] }
