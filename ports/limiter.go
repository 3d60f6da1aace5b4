package ports

import (
	"context"

	"github.com/offload/sessiond/domain/throttle"
)

// LimiterStorage keeps the last grants of each subject and decides on checks with the arithmetic of
// package throttle.
type LimiterStorage interface {
	// Decide grants all checks or none, atomically for each subject: concurrent callers together
	// never get more than a limit, and a refusal changes nothing. Checks with different windows are
	// independent, even for one subject.
	//
	// now may be earlier than a subject's last grant, or than the end of a window that the storage
	// has already dropped as empty. It then counts as that later instant. A storage with a clock of
	// its own ignores now, except under the suite in portstest.
	//
	// Decide returns within a bound that the implementation documents. An error means that no grant
	// was confirmed: a shared storage may have made one all the same. The error is logged, so it
	// contains no secret, address or subject. Decide is safe for concurrent use.
	Decide(ctx context.Context, now throttle.Instant,
		checks throttle.Checks) (throttle.Decision, error)
}

// LimiterView reads the grants in a storage and never changes them.
type LimiterView interface {
	// View returns the current state of each check, in order. It returns within a bound that the
	// implementation documents.
	View(ctx context.Context, checks throttle.Checks) ([]throttle.State, error)
}
