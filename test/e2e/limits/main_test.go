// Package limits_test tests the limits of issuance beyond what the hardening plan states: which
// address counts, what the log reports, what replicas share, and what a configuration changes.
package limits_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails if a service that a test started in this process has left a goroutine running.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
