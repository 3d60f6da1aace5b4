// Package browser drives a headless Chromium, for tests of what pages of other origins can do and
// of how pages look. Only tests import this package; it imports testify.
package browser

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
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
		"--user-data-dir=" + folder(t)}, args...)...)
}

// folder returns a folder that is removed at the end of the test. Processes of a browser that has
// been killed write to it for a moment, so that one attempt may not suffice.
func folder(t testing.TB) string {
	t.Helper()
	name, err := os.MkdirTemp("", "chromium")
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.Eventually(t, func() bool { return os.RemoveAll(name) == nil }, time.Minute,
			10*time.Millisecond, "%s, the folder of the browser, could not be removed", name)
	})
	return name
}
