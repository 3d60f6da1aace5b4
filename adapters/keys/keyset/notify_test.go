package keyset

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/system/securefile"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/ports/portsmock"
)

// pollEvery is how often a test checks for an outcome.
const pollEvery = 5 * time.Millisecond

// liveSource is a source that uses the system's notifications, of a file with the key first.
type liveSource struct {
	*Source
	recorder
}

func start(t *testing.T, path string) *liveSource {
	t.Helper()
	r := &liveSource{}
	clock := &portsmock.ClockMock{NowFunc: func() time.Time { return noon }}
	r.Source = NewSource(path, Rules{Production: true}, keyringOf(t, "first"), clock, &r.recorder)
	r.pollInterval = time.Hour // only notifications can make the source read the file
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

// TestReloadsAfterEveryKindOfChange makes each change several times: a watch that noticed one may
// miss the following ones.
func TestReloadsAfterEveryKindOfChange(t *testing.T) {
	inPlace := func(t *testing.T, path, text string, step int) {
		t.Helper()
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
		require.NoError(t, err)
		for from := 0; from < len(text); from += step {
			_, err = file.WriteString(text[from:min(from+step, len(text))])
			require.NoError(t, err)
		}
		require.NoError(t, file.Close())
	}
	type layout struct {
		path   string                   // the file that is watched
		change func(text string, i int) // writes text to it
	}
	for name, lay := range map[string]func(t *testing.T, root string) layout{
		"renamed over": func(t *testing.T, root string) layout {
			path := filepath.Join(root, "keyset.json")
			write(t, path, keysetText(t, "first"), 0o600)
			return layout{path, func(text string, _ int) { replace(t, path, text) }}
		},
		"rewritten in place": func(t *testing.T, root string) layout {
			path := filepath.Join(root, "keyset.json")
			write(t, path, keysetText(t, "first"), 0o600)
			return layout{path, func(text string, _ int) { inPlace(t, path, text, len(text)) }}
		},
		"rewritten byte by byte": func(t *testing.T, root string) layout {
			path := filepath.Join(root, "keyset.json")
			write(t, path, keysetText(t, "first"), 0o600)
			return layout{path, func(text string, _ int) { inPlace(t, path, text, 1) }}
		},
		"deleted and restored": func(t *testing.T, root string) layout {
			path := filepath.Join(root, "keyset.json")
			write(t, path, keysetText(t, "first"), 0o600)
			return layout{path, func(text string, _ int) {
				require.NoError(t, os.Remove(path))
				write(t, path, text, 0o600)
			}}
		},
		"written through a link": func(t *testing.T, root string) layout {
			path, target := filepath.Join(root, "keyset.json"),
				filepath.Join(root, "elsewhere", "file")
			require.NoError(t, os.Mkdir(filepath.Dir(target), 0o700))
			write(t, target, keysetText(t, "first"), 0o600)
			require.NoError(t, os.Symlink("elsewhere/file", path))
			return layout{path, func(text string, _ int) { replace(t, target, text) }}
		},
		"swapped by Kubernetes": func(t *testing.T, root string) layout {
			path, swap := kubernetesVolume(t, root, otherGroup, 0o440)
			return layout{path, func(text string, _ int) { swap(text) }}
		},
		"swapped by a link to a parent directory": func(t *testing.T, root string) layout {
			current := filepath.Join(root, "a", "current")
			put := func(text string, i int) {
				version := filepath.Join(root, "versions", fmt.Sprint(i), "etc")
				require.NoError(t, os.MkdirAll(version, 0o700))
				write(t, filepath.Join(version, "keyset.json"), text, 0o600)
				link(t, filepath.Dir(version), current)
			}
			require.NoError(t, os.Mkdir(filepath.Dir(current), 0o700))
			put(keysetText(t, "first"), 0)
			return layout{filepath.Join(current, "etc", "keyset.json"), func(text string, i int) {
				put(text, i+1)
			}}
		},
		"swapped in the middle of a chain": func(t *testing.T, root string) layout {

			put := func(text string, i int) {
				version := filepath.Join(root, "three", fmt.Sprint(i))
				require.NoError(t, os.MkdirAll(version, 0o700))
				write(t, filepath.Join(version, "file"), text, 0o600)
				link(t, version+"/../"+fmt.Sprint(i)+"/file", filepath.Join(root, "two"))
			}
			put(keysetText(t, "first"), 0)
			require.NoError(t, os.Mkdir(filepath.Join(root, "0"), 0o700))
			require.NoError(t, os.Symlink("../two", filepath.Join(root, "0", "one")))
			return layout{filepath.Join(root, "0", "one"), func(text string, i int) {
				put(text, i+1)
			}}
		},
		"moved in with its directory": func(t *testing.T, root string) layout {
			dir := filepath.Join(root, "a", "b")
			put := func(text string, i int) {
				if i > 0 {
					require.NoError(t, os.Rename(filepath.Join(root, "a"),
						filepath.Join(root, fmt.Sprint("old-", i))))
				}
				made := filepath.Join(root, "new")
				require.NoError(t, os.MkdirAll(filepath.Join(made, "b"), 0o700))
				write(t, filepath.Join(made, "b", "keyset.json"), text, 0o600)
				require.NoError(t, os.Rename(made, filepath.Join(root, "a")))
			}
			put(keysetText(t, "first"), 0)
			return layout{filepath.Join(dir, "keyset.json"), func(text string, i int) {
				put(text, i+1)
			}}
		},
		"recreated with its parent directories": func(t *testing.T, root string) layout {
			top := filepath.Join(root, "a")
			put := func(text string, _ int) {
				require.NoError(t, os.RemoveAll(top))
				require.NoError(t, os.MkdirAll(filepath.Join(top, "b", "c"), 0o700))
				write(t, filepath.Join(top, "b", "c", "keyset.json"), text, 0o600)
			}
			put(keysetText(t, "first"), 0)
			return layout{filepath.Join(top, "b", "c", "keyset.json"), put}
		},
	} {
		t.Run(name, func(t *testing.T) {
			layout := lay(t, sharedDir(t))
			source := start(t, layout.path)
			for i := range 4 {
				id := fmt.Sprint("key-", i)
				layout.change(keysetText(t, id), i)
				source.awaitKey(t, id)
			}
			source.Stop()
			assert.Empty(t, source.Condition().Detail)
		})
	}
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
	source.awaitEvent(t, "keyset file: is not a valid keyset: keyset: the set: is not JSON")
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

// TestWatchOfDeletedDirectoryDoesNotDeadlock renames and deletes the watched directory before
// fsnotify reads the events. fsnotify then fails to remove its watch, and waits, holding its lock,
// for a reader of the error. A call of watch needs that lock in the meantime, and pump releases it.
func TestWatchOfDeletedDirectoryDoesNotDeadlock(t *testing.T) {
	root := sharedDir(t)
	dir := filepath.Join(root, "a")
	path := filepath.Join(dir, "keyset.json")
	require.NoError(t, os.Mkdir(dir, 0o700))
	write(t, path, keysetText(t, "first"), 0o600)
	n := newNotifier().(*notifier)
	defer n.close()
	var err error
	n.fsWatcher, err = fsnotify.NewWatcher()
	require.NoError(t, err)
	n.pumpDone = make(chan struct{})
	require.NoError(t, n.watch(path))
	require.NoError(t, os.Rename(dir, dir+".old"))
	require.NoError(t, os.RemoveAll(dir+".old"))
	// The events of the directory above: the old name was removed and the new one created.
	for range 2 {
		select {
		case <-n.fsWatcher.Events:
		case <-time.After(deadline):
			require.Fail(t, "no event of the renamed directory")
		}
	}
	followed := make(chan error, 1)
	go func() { followed <- n.watch(path) }()
	go n.pump()
	select {
	case err := <-followed:
		require.NoError(t, err)
	case <-time.After(deadline):
		require.Fail(t, "watch does not return")
	}
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.NoError(t, n.watch(path))
	for len(n.signal) > 0 {
		<-n.signal
	}
	write(t, path, keysetText(t, "second"), 0o600)
	select {
	case <-n.changes():
	case <-time.After(deadline):
		require.Fail(t, "the change is not reported")
	}
}

// TestReportsOnlyChangesOnThePath sends events to a notifier in place of the system.
func TestReportsOnlyChangesOnThePath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNotifier().(*notifier)
		n.signal = make(chan struct{}, 1)
		n.fsWatcher = &fsnotify.Watcher{Events: make(chan fsnotify.Event), Errors: make(chan error)}
		n.pumpDone = make(chan struct{})
		n.addEntry("/etc/keyset.json")
		go n.pump()
		changes := func() int {
			synctest.Wait()
			count := len(n.signal)
			for range count {
				<-n.signal
			}
			return count
		}
		n.fsWatcher.Events <- fsnotify.Event{Name: "/etc/passwd", Op: fsnotify.Write}
		assert.Equal(t, 0, changes())
		for range 3 {
			n.fsWatcher.Events <- fsnotify.Event{Name: "//etc/keyset.json", Op: fsnotify.Chmod}
		}
		assert.Equal(t, 1, changes(), "several changes are reported as one")
		n.fsWatcher.Errors <- fsnotify.ErrEventOverflow
		assert.Equal(t, 1, changes(), "a lost notification may have been a change")
		n.setEntries(map[string]bool{"/etc/passwd": true})
		n.fsWatcher.Events <- fsnotify.Event{Name: "/etc/keyset.json", Op: fsnotify.Create}
		assert.Equal(t, 0, changes())
		n.fsWatcher.Events <- fsnotify.Event{Name: "/etc/passwd", Op: fsnotify.Create}
		assert.Equal(t, 1, changes())
		close(n.fsWatcher.Events)
		<-n.pumpDone
	})
}

func TestWatchesOnlyDirectoriesOnThePath(t *testing.T) {
	root := sharedDir(t)
	for _, dir := range []string{"one", "two"} {
		require.NoError(t, os.Mkdir(filepath.Join(root, dir), 0o700))
		write(t, filepath.Join(root, dir, "keyset.json"), keysetText(t, "first"), 0o600)
	}
	link(t, "one", filepath.Join(root, "current"))
	n := newNotifier().(*notifier)
	defer n.close()
	path := filepath.Join(root, "current", "keyset.json")
	watched := func() []string {
		require.NoError(t, n.watch(path))
		onPath := map[string]bool{}
		_, _ = securefile.Resolve(path, func(_, entry string) { onPath[entry] = true })
		assert.Equal(t, onPath, n.entries)
		var below []string
		for _, dir := range n.fsWatcher.WatchList() {
			if short, err := filepath.Rel(root, dir); err == nil && fs.ValidPath(short) {
				below = append(below, short)
			}
		}
		return below
	}
	assert.ElementsMatch(t, []string{".", "one"}, watched())
	link(t, "two", filepath.Join(root, "current"))
	assert.ElementsMatch(t, []string{".", "two"}, watched())
	require.NoError(t, os.RemoveAll(filepath.Join(root, "two")))
	assert.ElementsMatch(t, []string{"."}, watched())
}

func TestWatchLeaksNoDescriptors(t *testing.T) {
	path := filepath.Join(sharedDir(t), "keyset.json")
	write(t, path, keysetText(t, "first"), 0o600)
	start(t, path).Stop() // opens the runtime's own descriptors
	before := descriptors(t)
	source := start(t, path)
	for range 3 {
		source.Stop()
		source.Start(t.Context())
		replace(t, path, keysetText(t, "second"))
		source.awaitKey(t, "second")
	}
	source.Stop()
	assert.Equal(t, before, descriptors(t))
}

var _ ports.Events = (*recorder)(nil)
