// Package e2e_test tests the whole service over real sockets, either the built binary or the same
// service in this process: the hardening plan, one file per phase; the life cycle of the process;
// hostile clients; leaks; and a benchmark of whole requests.
package e2e_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails if a service that a test started in this process has left a goroutine running.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
