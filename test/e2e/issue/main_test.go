// Package issue_test tests how sessions are issued: which bodies are accepted, and which requests
// count as renewals.
package issue_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails if a service that a test started in this process has left a goroutine running.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
