package sessionclient

import (
	"context"
	"math/rand/v2"
	"time"
)

// clock is what a Client knows of time. Tests replace it.
type clock interface {
	// now returns the time since an arbitrary instant, on a monotonic clock.
	now() time.Duration
	// wall returns the time of the device, which may be wrong. It is for proofs alone.
	wall() time.Time
	// sleep waits until now has reached the instant. The error is that of ctx.
	sleep(ctx context.Context, until time.Duration) error
	// limit returns a context that ends after a time of waiting, with the cause errLate.
	limit(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc)
	// jitter returns a random number in [0, 1).
	jitter() float64
}

type systemClock struct{ start time.Time }

func newSystemClock() systemClock { return systemClock{time.Now()} }

func (c systemClock) now() time.Duration { return time.Since(c.start) }

func (systemClock) wall() time.Time { return time.Now() }

func (c systemClock) sleep(ctx context.Context, until time.Duration) error {
	timer := time.NewTimer(until - c.now())
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (systemClock) limit(ctx context.Context, d time.Duration) (context.Context,
	context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d, errLate)
}

func (systemClock) jitter() float64 { return rand.Float64() }
