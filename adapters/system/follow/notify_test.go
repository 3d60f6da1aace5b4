package follow

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
)

// TestNoticesEveryKindOfChange makes each change several times: a watch that noticed one may
// miss the following ones.
func TestNoticesEveryKindOfChange(t *testing.T) {
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
			path := filepath.Join(root, "file")
			write(t, path, "first", 0o600)
			return layout{path, func(text string, _ int) { replace(t, path, text) }}
		},
		"rewritten in place": func(t *testing.T, root string) layout {
			path := filepath.Join(root, "file")
			write(t, path, "first", 0o600)
			return layout{path, func(text string, _ int) { inPlace(t, path, text, len(text)) }}
		},
		"rewritten byte by byte": func(t *testing.T, root string) layout {
			path := filepath.Join(root, "file")
			write(t, path, "first", 0o600)
			return layout{path, func(text string, _ int) { inPlace(t, path, text, 1) }}
		},
		"deleted and restored": func(t *testing.T, root string) layout {
			path := filepath.Join(root, "file")
			write(t, path, "first", 0o600)
			return layout{path, func(text string, _ int) {
				require.NoError(t, os.Remove(path))
				write(t, path, text, 0o600)
			}}
		},
		"written through a link": func(t *testing.T, root string) layout {
			path, target := filepath.Join(root, "file"),
				filepath.Join(root, "elsewhere", "file")
			require.NoError(t, os.Mkdir(filepath.Dir(target), 0o700))
			write(t, target, "first", 0o600)
			require.NoError(t, os.Symlink("elsewhere/file", path))
			return layout{path, func(text string, _ int) { replace(t, target, text) }}
		},
		"swapped by Kubernetes": func(t *testing.T, root string) layout {
			put := func(text string, i int) {
				version := fmt.Sprintf("..2026_02_16_12_00_%02d.123456789", i)
				require.NoError(t, os.Mkdir(filepath.Join(root, version), 0o755))
				write(t, filepath.Join(root, version, "file"), text, 0o440)
				old, _ := os.Readlink(filepath.Join(root, "..data"))
				link(t, version, filepath.Join(root, "..data"))
				if old != "" {
					require.NoError(t, os.RemoveAll(filepath.Join(root, old)))
				}
			}
			put("first", 0)
			path := filepath.Join(root, "file")
			require.NoError(t, os.Symlink("..data/file", path))
			return layout{path, func(text string, i int) { put(text, i+1) }}
		},
		"swapped by a link to a parent directory": func(t *testing.T, root string) layout {
			current := filepath.Join(root, "a", "current")
			put := func(text string, i int) {
				version := filepath.Join(root, "versions", fmt.Sprint(i), "etc")
				require.NoError(t, os.MkdirAll(version, 0o700))
				write(t, filepath.Join(version, "file"), text, 0o600)
				link(t, filepath.Dir(version), current)
			}
			require.NoError(t, os.Mkdir(filepath.Dir(current), 0o700))
			put("first", 0)
			return layout{filepath.Join(current, "etc", "file"), func(text string, i int) {
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
			put("first", 0)
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
				write(t, filepath.Join(made, "b", "file"), text, 0o600)
				require.NoError(t, os.Rename(made, filepath.Join(root, "a")))
			}
			put("first", 0)
			return layout{filepath.Join(dir, "file"), func(text string, i int) {
				put(text, i+1)
			}}
		},
		"recreated with its parent directories": func(t *testing.T, root string) layout {
			top := filepath.Join(root, "a")
			put := func(text string, _ int) {
				require.NoError(t, os.RemoveAll(top))
				require.NoError(t, os.MkdirAll(filepath.Join(top, "b", "c"), 0o700))
				write(t, filepath.Join(top, "b", "c", "file"), text, 0o600)
			}
			put("first", 0)
			return layout{filepath.Join(top, "b", "c", "file"), put}
		},
	} {
		t.Run(name, func(t *testing.T) {
			layout := lay(t, sharedDir(t))
			p := newProbe(t, nil, layout.path)
			p.interval = time.Hour // only notifications can cause a look
			p.Start(t.Context())
			t.Cleanup(p.Stop)
			for i := range 4 {
				text := fmt.Sprint("text ", i)
				layout.change(text, i)
				p.await(t, text)
			}
			p.Stop()
			assert.False(t, p.Failing())
		})
	}
}

// TestWatchOfDeletedDirectoryDoesNotDeadlock renames and deletes the watched directory before
// fsnotify reads the events. fsnotify then fails to remove its watch, and waits, holding its lock,
// for a reader of the error. A call of Watch needs that lock in the meantime, and pump releases it.
func TestWatchOfDeletedDirectoryDoesNotDeadlock(t *testing.T) {
	root := sharedDir(t)
	dir := filepath.Join(root, "a")
	path := filepath.Join(dir, "file")
	require.NoError(t, os.Mkdir(dir, 0o700))
	write(t, path, "first", 0o600)
	n := newNotifier().(*notifier)
	defer n.Close()
	var err error
	n.fsWatcher, err = fsnotify.NewWatcher()
	require.NoError(t, err)
	n.pumpDone = make(chan struct{})
	require.NoError(t, n.Watch(path))
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
	go func() { followed <- n.Watch(path) }()
	go n.pump()
	select {
	case err := <-followed:
		require.NoError(t, err)
	case <-time.After(deadline):
		require.Fail(t, "Watch does not return")
	}
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.NoError(t, n.Watch(path))
	for len(n.signal) > 0 {
		<-n.signal
	}
	write(t, path, "second", 0o600)
	select {
	case <-n.Changes():
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
		write(t, filepath.Join(root, dir, "keyset.json"), "first", 0o600)
	}
	link(t, "one", filepath.Join(root, "current"))
	n := newNotifier().(*notifier)
	defer n.Close()
	path := filepath.Join(root, "current", "keyset.json")
	watched := func() []string {
		require.NoError(t, n.Watch(path))
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
