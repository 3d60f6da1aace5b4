package e2e_test

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
)

// keySource is a ports.KeySource with a keyring that the environment cannot express.
type keySource struct{ keyring *keys.Keyring }

func (s keySource) Keyring() *keys.Keyring { return s.keyring }

// pendingUntil replaces the keys with one that must not sign before from.
func pendingUntil(t *testing.T, from time.Time) bootstrap.Option {
	t.Helper()
	keyring, err := keys.NewKeyring(keys.NewHS256("pending", []byte(strong),
		keys.Plan{SignFrom: from}))
	require.NoError(t, err)
	return bootstrap.Replace[ports.KeySource](keySource{keyring})
}

// storage is a ports.LimiterStorage that calls the function.
type storage func() (throttle.Decision, error)

func (s storage) Decide(context.Context, throttle.Instant, throttle.Checks) (throttle.Decision,
	error) {
	return s()
}

// The texts of the errors and panics of these tests.
const (
	driverText = "dial 192.0.2.66: the words of a driver"
	panicText  = "the words of a defect"
)

// out replaces the limiter storage with one that returns an error.
func out() bootstrap.Option {
	return bootstrap.Replace[ports.LimiterStorage](storage(func() (throttle.Decision, error) {
		return throttle.Decision{}, errors.New(driverText)
	}))
}

// defective replaces the limiter storage with one that panics.
func defective() bootstrap.Option {
	return bootstrap.Replace[ports.LimiterStorage](storage(func() (throttle.Decision, error) {
		panic(panicText)
	}))
}
