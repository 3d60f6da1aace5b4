// Package browser opens pages in a headless Chromium, for tests of what pages of other origins can
// do. Only tests import this package; it imports testify.
package browser

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// Open opens an address until the end of the test.
func Open(t testing.TB, address string) {
	t.Helper()
	path, err := exec.LookPath("chromium")
	require.NoError(t, err, "chromium is not installed: run make test-long, which installs it")
	chromium := exec.Command(path, "--headless", "--no-sandbox", "--disable-gpu",
		"--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
		"--user-data-dir="+t.TempDir(), address)
	require.NoError(t, chromium.Start())
	t.Cleanup(func() {
		_ = chromium.Process.Kill()
		_ = chromium.Wait()
	})
}
