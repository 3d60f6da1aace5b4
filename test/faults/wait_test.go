package faults_test

import (
	"testing"
	"time"

	"github.com/offload/sessiond/test/harness"
)

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
