package faults_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// await polls until done reports true. It fails the test, naming what it waited for, after
// harness.Timeout.
func await(t testing.TB, what string, done func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(harness.Timeout)
	for !done() {
		select {
		case <-ticker.C:
		case <-deadline:
			require.Fail(t, "timed out waiting", "for: %s", what)
		}
	}
}

// awaitReturn calls wait, which blocks, and fails the test where it has not returned in time. A
// request may take harness.Timeout by itself, so the deadline is twice that. It may be called from
// a cleanup function.
func awaitReturn(t testing.TB, what string, wait func()) {
	t.Helper()
	returned := make(chan struct{})
	go func() {
		defer close(returned)
		wait()
	}()
	select {
	case <-returned:
	case <-time.After(2 * harness.Timeout):
		t.Errorf("timed out waiting for: %s", what)
	}
}
