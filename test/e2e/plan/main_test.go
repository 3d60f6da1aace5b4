// Package plan_test states the hardening plan as a suite, one file for each phase: stable errors,
// secrets, the throttle, tokens. More about each subject is in the packages beside it.
package plan_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails if a service that a test started in this process has left a goroutine running.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
