package harness

import (
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestBuildIsSafeInParallel builds the service as several test processes do, each of which then
// starts it.
func TestBuildIsSafeInParallel(t *testing.T) {
	path := Binary(t)
	before, err := os.Stat(path)
	require.NoError(t, err)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			again, err := build()
			assert.NoError(t, err)
			assert.Equal(t, path, again)
			output, err := exec.Command(again, "version").CombinedOutput()
			assert.NoError(t, err, "%s", output)
		})
	}
	Wait(t, "every build is done", &group)
	after, err := os.Stat(path)
	require.NoError(t, err)
	assert.True(t, os.SameFile(before, after), "an up-to-date binary must stay")
}

// TestPublishReplacesTheFile shows that a published file is never written to: a process that
// executes it keeps it.
func TestPublishReplacesTheFile(t *testing.T) {
	folder := t.TempDir()
	candidate, path := folder+"/candidate", folder+"/sessiond"
	require.NoError(t, os.WriteFile(candidate, []byte("first"), 0o755))
	require.NoError(t, publish(candidate, path))
	running, err := os.Open(path)
	require.NoError(t, err)
	defer func() { _ = running.Close() }()

	require.NoError(t, os.Remove(candidate)) // as the go command does
	require.NoError(t, os.WriteFile(candidate, []byte("second"), 0o755))
	require.NoError(t, publish(candidate, path))
	held := make([]byte, 16)
	n, err := running.Read(held)
	require.NoError(t, err)
	assert.Equal(t, "first", string(held[:n]))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "second", string(text))
	require.NoError(t, publish(candidate, path), "publishing it again changes nothing")
}
