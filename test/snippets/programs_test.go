package snippets_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// writeProgram writes a program of the page into a folder. The service takes the place of the
// example's hosts, also of the application.
func writeProgram(t *testing.T, dir, name, program, service string) {
	t.Helper()
	program = strings.NewReplacer(
		"https://api.example.com/orders", "http://"+service+"/v1/sessions/current",
		"https://api.example.com", "http://"+service,
		"https://sessions.example.com", "http://"+service,
	).Replace(program)
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(program), 0o600))
}

// run runs a command in a folder, and returns its output.
func run(t *testing.T, dir string, env []string, command ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), harness.Timeout)
	defer cancel()
	process := exec.CommandContext(ctx, command[0], command[1:]...)
	process.Dir = dir
	process.Env = append(os.Environ(), env...)
	output, err := process.CombinedOutput()
	require.NoError(t, ctx.Err(), "%s did not end", command[0])
	require.NoError(t, err, "%s", output)
	return string(output)
}

// assertIssued checks how many new sessions the service has issued.
func assertIssued(t *testing.T, service *harness.InProcess, count int) {
	t.Helper()
	assert.EqualValues(t, count, service.Metric(t, `offload_sessions_issued_total{kind="new"}`))
}

func TestGoProgram(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, nil)
	program, _ := blocks(t, "Go", "go")
	dir, home := t.TempDir(), t.TempDir()
	writeProgram(t, dir, "main.go", program, service.Public)
	run(t, "../..", nil, "go", "build", "-o", filepath.Join(dir, "app"), filepath.Join(dir, "main.go"))
	for range 2 {
		assert.Equal(t, "200 OK\n", run(t, home, []string{"HOME=" + home}, filepath.Join(dir, "app")))
	}
	assertIssued(t, service, 1) // the file keeps the session
}
