// Package tuning_test checks what helps to choose limits and to look inside: the trace, and the
// commands that replay it, that explain limits and that inspect tokens.
package tuning_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/cli"
	"github.com/offload/sessiond/bootstrap"
	"go.uber.org/goleak"
)

// update writes the golden texts anew.
var update = flag.Bool("update", false, "write the golden texts")

// TestMain fails if a service that a test started in this process has left a goroutine running.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// golden compares text with a golden text in testdata.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), text)
}

// run runs a command, and returns its exit status and what it wrote.
func run(t *testing.T, environ []string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, problems bytes.Buffer
	status = bootstrap.Run(args, environ, &out, &problems)
	return status, out.String(), problems.String()
}

// simulate runs limits simulate and returns its report.
func simulate(t *testing.T, args ...string) cli.SimulateReport {
	t.Helper()
	status, stdout, stderr := run(t, nil, append([]string{"limits", "simulate", "--format", "json"},
		args...)...)
	require.Zero(t, status, stderr)
	require.Empty(t, stderr)
	var report cli.SimulateReport
	require.NoError(t, json.Unmarshal([]byte(stdout), &report))
	return report
}
