package keyset

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/ports/portsfake"
)

// pollEvery is how often a test checks for an outcome.
const pollEvery = 5 * time.Millisecond

// liveSource is a source on the real clock, of a file with the key first.
type liveSource struct {
	*Source
	recorder
}

// start starts a source of the file at path, and stops it at the end of the test.
func start(t *testing.T, path string) *liveSource {
	t.Helper()
	r := &liveSource{}
	r.Source = NewSource(path, Rules{Production: true}, keyringOf(t, "first"),
		portsfake.NewClock(noon), &r.recorder)
	r.Start(t.Context())
	t.Cleanup(r.Stop)
	return r
}

// awaitKey waits until the key id is in force.
func (r *liveSource) awaitKey(t *testing.T, id string) {
	t.Helper()
	require.Eventually(t, func() bool { return idsOf(r.Keyring())[0] == id }, deadline, pollEvery,
		"%s is not put in force", id)
}

// awaitEvent waits until an event is recorded.
func (r *liveSource) awaitEvent(t *testing.T, event string) {
	t.Helper()
	var recorded []string
	require.Eventually(t, func() bool {
		recorded = append(recorded, r.take()...)
		return len(recorded) > 0 && recorded[len(recorded)-1] == event
	}, deadline, pollEvery, "%s is not recorded", event)
}

func TestReportsInvalidFileAndRecovers(t *testing.T) {
	path := filepath.Join(sharedDir(t), "a", "keyset.json")
	require.NoError(t, os.Mkdir(filepath.Dir(path), 0o700))
	write(t, path, keysetText(t, "first"), 0o600)
	source := start(t, path)

	require.NoError(t, os.Chmod(path, 0o644))
	source.awaitEvent(t, "keyset file: may be read or written by others, or written by its group")
	require.NoError(t, os.Chmod(path, 0o600))
	source.awaitEvent(t, "reloaded first")

	require.NoError(t, os.RemoveAll(filepath.Dir(path)))
	source.awaitEvent(t, "keyset file: is not found")
	assert.NotEmpty(t, source.Condition().Detail)
	require.NoError(t, os.Mkdir(filepath.Dir(path), 0o700))
	write(t, path, keysetText(t, "second"), 0o600)
	source.awaitKey(t, "second")

	require.NoError(t, os.Truncate(path, 0))
	source.awaitEvent(t, "keyset file: is not a valid keyset: keyset: the set: is not JSON "+
		"(line 1, column 1): it is empty")
	assert.Equal(t, []string{"second"}, idsOf(source.Keyring()))
	write(t, path, keysetText(t, "second"), 0o600)
	source.awaitEvent(t, "reloaded second")
	assert.Empty(t, source.Condition().Detail)
}

func TestRecoversAfterLostPermissions(t *testing.T) {
	if rerunUnprivileged(t) {
		return
	}
	path := filepath.Join(sharedDir(t), "a", "keyset.json")
	require.NoError(t, os.Mkdir(filepath.Dir(path), 0o700))
	write(t, path, keysetText(t, "first"), 0o600)
	source := start(t, path)
	for _, taken := range []string{path, filepath.Dir(path)} {
		require.NoError(t, os.Chmod(taken, 0))
		source.awaitEvent(t,
			"keyset file: may not be read by this process (permission denied)")
		assert.NotEmpty(t, source.Condition().Detail)
		require.NoError(t, os.Chmod(taken, 0o700))
		source.awaitEvent(t, "reloaded first")
	}
}

// TestPollsUnwatchableDirectory watches a file in a directory that the user may enter but not read.
func TestPollsUnwatchableDirectory(t *testing.T) {
	if rerunUnprivileged(t) {
		return
	}
	dir := filepath.Join(sharedDir(t), "closed")
	path := filepath.Join(dir, "keyset.json")
	require.NoError(t, os.Mkdir(dir, 0o700))
	write(t, path, keysetText(t, "first"), 0o600)
	require.NoError(t, os.Chmod(dir, 0o300))
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	source := start(t, path)
	source.awaitEvent(t, "watch: watch "+dir+": permission denied")
	replace(t, path, keysetText(t, "second"))
	source.awaitKey(t, "second")
}

// TestFollowsKubernetesVolume swaps the versions of a volume several times.
func TestFollowsKubernetesVolume(t *testing.T) {
	path, swap := kubernetesVolume(t, sharedDir(t), otherGroup, 0o440)
	source := start(t, path)
	for _, id := range []string{"second", "third", "fourth"} {
		swap(keysetText(t, id))
		source.awaitKey(t, id)
	}
	assert.Empty(t, source.Condition().Detail)
}

func TestWatchLeaksNoDescriptors(t *testing.T) {
	path := filepath.Join(sharedDir(t), "keyset.json")
	write(t, path, keysetText(t, "first"), 0o600)
	before := descriptors(t)
	source := start(t, path)
	for range 3 {
		source.Stop()
		source.Start(t.Context())
		replace(t, path, keysetText(t, "second"))
		source.awaitKey(t, "second")
	}
	source.Stop()
	require.Eventually(t, func() bool { return descriptors(t) <= before }, deadline, pollEvery,
		"a look that was in progress does not close the watch")
}
