// Package cutover_test runs the steps of cmd/sessiond/docs/cutover.md with the built service, a
// stand-in for the Python backend, nginx and Caddy. TestCutover has the build tag languages,
// because it needs Python.
package cutover_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails if something that a test started has left a goroutine running.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
