package ports

import (
	"context"

	"github.com/offload/sessiond/domain/throttle"
)

// LimiterStorage keeps the last grants of subjects and decides by them, as the package throttle reckons.
type LimiterStorage interface {
	// Decide grants all asks or none, atomically for each subject: concurrent callers never get more than a limit, and a
	// refusal leaves no trace. Asks of different windows have nothing to do with each other, even for one subject.
	//
	// now may be older than a subject's last grant, or than the end of a window that a storage saw end and has let go of: it
	// then counts as that. A storage with a clock of its own passes over now, except under the suite in portstest.
	//
	// It answers within a bound that it names, or fails: with any error, and then it has granted nothing that it knows of. It never guesses.
	// An error holds no secret, address or subject: it is written into the log. It is safe for concurrent use.
	Decide(ctx context.Context, now throttle.Instant, asks throttle.Checks) (throttle.Decision,
		error)
}
