// Package config_test tests which configurations the built binary refuses to start with, and that
// it reports everything that is wrong with them.
package config_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails if a service that a test started in this process has left a goroutine running.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
