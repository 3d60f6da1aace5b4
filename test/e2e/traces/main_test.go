// Package traces_test tests the traces that the service exports, with a collector stand-in that
// takes OTLP over HTTP.
package traces_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails if a test has left a goroutine running.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
