package ports

import (
	"time"

	"github.com/offload/sessiond/domain/failure"
)

// Unavailable is a request that nothing is wrong with, and that could not be served now.
type Unavailable struct {
	// RetryIn is when another try may succeed; above 0.
	RetryAfter time.Duration
	// Cause is for the operator; never nil.
	Cause error
}

// Error tells the cause.
func (u *Unavailable) Error() string { return "unavailable: " + u.Cause.Error() }

// Unwrap tells the cause.
func (u *Unavailable) Unwrap() error { return u.Cause }

// FailureKind tells failure.Unavailable.
func (*Unavailable) FailureKind() failure.Kind { return failure.Unavailable }
