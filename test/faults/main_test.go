package faults_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/offload/sessiond/test/harness"
)

func TestMain(m *testing.M) {
	status := m.Run()
	if err := harness.RemoveBinary(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(status)
}
