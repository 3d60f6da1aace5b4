// Package keys_test tests keys in service: what operators do with a keyset, reloads, the published
// keys, that key material never leaves, and rotations under load, which an oracle judges.
package keys_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails if a service that a test started in this process has left a goroutine running.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
