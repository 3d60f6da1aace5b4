package ports

import (
	"time"

	"github.com/offload/sessiond/domain/throttle"
)

// Attempt is one request to issue a session, as a trace or an access log recorded it.
type Attempt struct {
	// Begins is not nil if grants before this attempt do not count any more: it is the first of a
	// source, or of a process that kept them in its memory. Instants before it cannot be compared.
	Begins *RecordedLimits
	// Instant is on the clock of the source, and Time on the wall clock.
	Instant throttle.Instant
	Time    time.Time
	// Checks are those of the request, with the limits and the window under which it was recorded;
	// both are 0 where the source does not know.
	Checks throttle.Checks
	// Undecided is true if the limiter made no decision, so that no grant was taken.
	Undecided bool
}

// RecordedLimits holds the limits under which attempts were recorded. All are 0 where the source
// does not know them.
type RecordedLimits struct {
	Limits throttle.Limits
	Window time.Duration
	Mode   ThrottleMode
}

// Attempts is a source of recorded requests, in the order in which they were decided.
type Attempts interface {
	// Next stores the next attempt. It returns false at the end. An error means that the source
	// cannot be used at all; parts of it that cannot be read are passed over and counted elsewhere.
	Next(*Attempt) (bool, error)
}
