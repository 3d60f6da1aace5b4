// Package wire_test tests the service on the wire: HTTP/1 byte by byte, HTTP/2 frame by frame, TLS,
// the PROXY protocol, CORS, paths, hostile clients, and that nothing which comes in leaves by the
// log, the metrics or a refusal.
package wire_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails if a service that a test started in this process has left a goroutine running.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
