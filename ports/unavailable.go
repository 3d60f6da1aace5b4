package ports

import (
	"time"

	"github.com/offload/sessiond/domain/failure"
)

// Unavailable is the error for a valid request that cannot be served now.
type Unavailable struct {
	// RetryAfter is how long the client should wait before another attempt; above 0.
	RetryAfter time.Duration
	// Cause is for the operator; never nil.
	Cause error
}

// Error implements error. It returns "unavailable" and the text of the cause.
func (u *Unavailable) Error() string { return "unavailable: " + u.Cause.Error() }

// Unwrap returns the cause.
func (u *Unavailable) Unwrap() error { return u.Cause }

// FailureKind implements failure.Kinded.
func (*Unavailable) FailureKind() failure.Kind { return failure.Unavailable }
