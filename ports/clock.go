package ports

import (
	"time"

	"github.com/offload/sessiond/domain/throttle"
)

// Clock reads the wall clock and a monotonic clock. Both methods are safe for concurrent use and
// return at once.
type Clock interface {
	// Now returns the wall clock's time, for claims and the states of keys. It may step.
	Now() time.Time
	// Instant returns the current point on a clock that never steps and never goes back, for
	// windows.
	Instant() throttle.Instant
}
