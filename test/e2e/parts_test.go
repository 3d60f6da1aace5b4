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

// ringSource is a ports.KeySource over a ring that the environment cannot describe.
type ringSource struct{ ring *keys.Keyring }

func (s ringSource) Keyring() *keys.Keyring { return s.ring }

// pendingUntil replaces the keys by one that may not sign before from.
func pendingUntil(t *testing.T, from time.Time) bootstrap.Option {
	t.Helper()
	ring, err := keys.NewKeyring(keys.NewHS256("pending", []byte(strong),
		keys.Plan{SignFrom: from}))
	require.NoError(t, err)
	return bootstrap.Replace[ports.KeySource](ringSource{ring})
}

// storage is a ports.LimiterStorage that does what a test has in mind.
type storage func() (throttle.Decision, error)

func (s storage) Decide(context.Context, throttle.Instant, throttle.Checks) (throttle.Decision,
	error) {
	return s()
}

// What the defects and outages of these tests say of themselves.
const (
	wordsOfADriver = "dial 192.0.2.66: the words of a driver"
	wordsOfADefect = "the words of a defect"
)

// out replaces the limiter's storage by one that fails.
func out() bootstrap.Option {
	return bootstrap.Replace[ports.LimiterStorage](storage(func() (throttle.Decision, error) {
		return throttle.Decision{}, errors.New(wordsOfADriver)
	}))
}

// defective replaces the limiter's storage by one that has a defect.
func defective() bootstrap.Option {
	return bootstrap.Replace[ports.LimiterStorage](storage(func() (throttle.Decision, error) {
		panic(wordsOfADefect)
	}))
}
