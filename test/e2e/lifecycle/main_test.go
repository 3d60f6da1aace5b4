// Package lifecycle_test tests the life of the service: start, use, overload and stop, waiting for
// a key that can sign, a reader of its log that stalls or goes away, signals, and what a stopped
// service leaves behind.
package lifecycle_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails if a service that a test started in this process has left a goroutine running.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
