package harness

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/bootstrap"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/ports/portsfake"
)

// PendingKeyUntil replaces the keys with one that must not sign before from.
func PendingKeyUntil(t testing.TB, from time.Time) bootstrap.Option {
	t.Helper()
	keyring, err := keys.NewKeyring(keys.NewHS256("pending", []byte(StrongSecret),
		keys.Plan{SignFrom: from}))
	require.NoError(t, err)
	return bootstrap.Replace[ports.KeySource](portsfake.NewKeys(keyring))
}

// limiterFunc is a ports.LimiterStorage that calls the function.
type limiterFunc func() (throttle.Decision, error)

func (f limiterFunc) Decide(context.Context, throttle.Instant, throttle.Checks) (throttle.Decision,
	error) {
	return f()
}

// The texts with which FailingLimiter and PanickingLimiter fail.
const (
	LimiterError = "dial 192.0.2.66: the words of a driver"
	LimiterPanic = "the words of a defect"
)

// FailingLimiter replaces the limiter storage with one that returns an error.
func FailingLimiter() bootstrap.Option {
	return bootstrap.Replace[ports.LimiterStorage](limiterFunc(func() (throttle.Decision, error) {
		return throttle.Decision{}, errors.New(LimiterError)
	}))
}

// PanickingLimiter replaces the limiter storage with one that panics.
func PanickingLimiter() bootstrap.Option {
	return bootstrap.Replace[ports.LimiterStorage](limiterFunc(func() (throttle.Decision, error) {
		panic(LimiterPanic)
	}))
}
