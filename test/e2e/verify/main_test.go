// Package verify_test tests how sessions are verified: by /v1/sessions/verify and current, by the
// contract's test vectors over HTTP, and by another service that uses sessionauth.
package verify_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails if a service that a test started in this process has left a goroutine running.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
