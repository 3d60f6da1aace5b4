// Package browser drives a headless Chromium, for tests of what pages of other origins can do and
// of how pages look. Only tests import this package; it imports testify.
package browser

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// Open opens an address until the end of the test.
func Open(t testing.TB, address string) {
	t.Helper()
	chromium := command(t, address)
	require.NoError(t, chromium.Start())
	t.Cleanup(func() {
		_ = chromium.Process.Kill()
		_ = chromium.Wait()
	})
}

// command returns the command that starts Chromium with further arguments.
func command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath("chromium")
	require.NoError(t, err, "chromium is not installed: run make test-long, which installs it")
	return exec.Command(path, append([]string{"--headless", "--no-sandbox", "--disable-gpu",
		"--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
		"--user-data-dir=" + t.TempDir()}, args...)...)
}
