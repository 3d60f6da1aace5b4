package harness

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Poll calls done until it returns true, and fails the test when Timeout has passed. It runs done
// on the test's own goroutine, so that done may use require. The failure message says until what
// it waited.
func Poll(t testing.TB, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(Timeout)
	for !done() {
		require.True(t, time.Now().Before(deadline), "timed out waiting until %s", what)
		time.Sleep(10 * time.Millisecond)
	}
}

// Receive returns the next value from a channel, and fails the test when Timeout has passed. On a
// closed channel it returns the zero value.
func Receive[T any](t testing.TB, what string, from <-chan T) T {
	t.Helper()
	timer := time.NewTimer(Timeout)
	defer timer.Stop()
	select {
	case value := <-from:
		return value
	case <-timer.C:
		require.Fail(t, "timed out", "waiting until %s", what)
		panic("unreachable")
	}
}

// Wait waits for group, and fails the test when Timeout has passed.
func Wait(t testing.TB, what string, group *sync.WaitGroup) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		group.Wait()
	}()
	Receive(t, what, done)
}
