package ports

import (
	"time"

	"github.com/offload/sessiond/domain/throttle"
)

// Attempt is one request to issue a session, as a trace or an access log recorded it.
type Attempt struct {
	// Begins is not nil if earlier grants do not count any more: the attempt is the first of a
	// source, or of a process that kept its grants in memory. It cannot be compared with earlier
	// instants.
	Begins *RecordedLimits
	// Instant is the time on the clock of the source.
	Instant throttle.Instant
	// Time is the time on the wall clock.
	Time time.Time
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
	// Next stores the next attempt in its argument. It returns false at the end. An error means
	// that the source cannot be used at all; parts of it that cannot be read are skipped.
	Next(*Attempt) (bool, error)
}
