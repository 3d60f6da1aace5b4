package ports

import (
	"time"

	"github.com/offload/sessiond/domain/failure"
)

// Unavailable is the error for a valid request that cannot be served now.
type Unavailable struct {
	// RetryAfter is when another attempt may succeed; above 0.
	RetryAfter time.Duration
	// Cause is for the operator; never nil.
	Cause error
}

// Error returns "unavailable" and the cause's text.
func (u *Unavailable) Error() string { return "unavailable: " + u.Cause.Error() }

// Unwrap returns the cause.
func (u *Unavailable) Unwrap() error { return u.Cause }

// FailureKind returns failure.Unavailable.
func (*Unavailable) FailureKind() failure.Kind { return failure.Unavailable }
