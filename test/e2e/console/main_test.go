// Package console_test tests the operators' console: over real sockets, and with the build tag
// languages in a real browser.
package console_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails if a service that a test started in this process has left a goroutine running.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
