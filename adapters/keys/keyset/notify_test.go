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

	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/ports/portsmock"
)

// A real watch has this long to see a change: much more than it takes, and less than until the file
// is looked at without it.
const (
	soon  = pollInterval / 2
	often = 5 * time.Millisecond
)

// live is a source on the system's own notifications, of a file that holds the key first.
type live struct {
	*Source
	audience
}

func start(t *testing.T, path string) *live {
	t.Helper()
	r := &live{}
	clock := &portsmock.ClockMock{NowFunc: func() time.Time { return noon }}
	r.Source = NewSource(path, Rules{Production: true}, ringOf(t, "first"), clock, &r.audience)
	r.Start(t.Context())
	t.Cleanup(r.Stop)
	return r
}

// takesForce waits until the key id is the one in force.
func (r *live) takesForce(t *testing.T, id string) {
	t.Helper()
	require.Eventually(t, func() bool { return idsOf(r.Keyring())[0] == id }, soon, often,
		"%s does not take force", id)
}

// tells waits until an event is heard.
func (r *live) tells(t *testing.T, event string) {
	t.Helper()
	var heard []string
	require.Eventually(t, func() bool {
		heard = append(heard, r.heard()...)
		return len(heard) > 0 && heard[len(heard)-1] == event
	}, soon, often, "%s is not told", event)
}

// TestEveryKindOfChangeTakesForce makes each change several times over, for a watch that saw one
// may have lost sight of what came after.
func TestEveryKindOfChangeTakesForce(t *testing.T) {
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
		path   string                   // of the file that is watched
		change func(text string, i int) // puts text there
	}
	for name, lay := range map[string]func(t *testing.T, root string) layout{
		"renamed over": func(t *testing.T, root string) layout {
			path := filepath.Join(root, "keyset.json")
			write(t, path, textOf(t, "first"), 0o600)
			return layout{path, func(text string, _ int) { replace(t, path, text) }}
		},
		"rewritten in place": func(t *testing.T, root string) layout {
			path := filepath.Join(root, "keyset.json")
			write(t, path, textOf(t, "first"), 0o600)
			return layout{path, func(text string, _ int) { inPlace(t, path, text, len(text)) }}
		},
		"rewritten by the byte": func(t *testing.T, root string) layout {
			path := filepath.Join(root, "keyset.json")
			write(t, path, textOf(t, "first"), 0o600)
			return layout{path, func(text string, _ int) { inPlace(t, path, text, 1) }}
		},
		"deleted and restored": func(t *testing.T, root string) layout {
			path := filepath.Join(root, "keyset.json")
			write(t, path, textOf(t, "first"), 0o600)
			return layout{path, func(text string, _ int) {
				require.NoError(t, os.Remove(path))
				write(t, path, text, 0o600)
			}}
		},
		"written through a link": func(t *testing.T, root string) layout {
			path, target := filepath.Join(root, "keyset.json"),
				filepath.Join(root, "elsewhere", "file")
			require.NoError(t, os.Mkdir(filepath.Dir(target), 0o700))
			write(t, target, textOf(t, "first"), 0o600)
			require.NoError(t, os.Symlink("elsewhere/file", path))
			return layout{path, func(text string, _ int) { replace(t, target, text) }}
		},
		"swapped by Kubernetes": func(t *testing.T, root string) layout {
			path, swap := kubernetes(t, root, otherGroup, 0o440)
			return layout{path, func(text string, _ int) { swap(text) }}
		},
		"swapped by a link above": func(t *testing.T, root string) layout {
			current := filepath.Join(root, "a", "current")
			put := func(text string, i int) {
				version := filepath.Join(root, "versions", fmt.Sprint(i), "etc")
				require.NoError(t, os.MkdirAll(version, 0o700))
				write(t, filepath.Join(version, "keyset.json"), text, 0o600)
				link(t, filepath.Dir(version), current)
			}
			require.NoError(t, os.Mkdir(filepath.Dir(current), 0o700))
			put(textOf(t, "first"), 0)
			return layout{filepath.Join(current, "etc", "keyset.json"), func(text string, i int) {
				put(text, i+1)
			}}
		},
		"swapped in the middle of a chain": func(t *testing.T, root string) layout {
			// one → two → three/file, where two changes.
			put := func(text string, i int) {
				version := filepath.Join(root, "three", fmt.Sprint(i))
				require.NoError(t, os.MkdirAll(version, 0o700))
				write(t, filepath.Join(version, "file"), text, 0o600)
				link(t, version+"/../"+fmt.Sprint(i)+"/file", filepath.Join(root, "two"))
			}
			put(textOf(t, "first"), 0)
			require.NoError(t, os.Mkdir(filepath.Join(root, "0"), 0o700))
			require.NoError(t, os.Symlink("../two", filepath.Join(root, "0", "one")))
			return layout{filepath.Join(root, "0", "one"), func(text string, i int) {
				put(text, i+1)
			}}
		},
		"moved in with its folder": func(t *testing.T, root string) layout {
			folder := filepath.Join(root, "a", "b")
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
			put(textOf(t, "first"), 0)
			return layout{filepath.Join(folder, "keyset.json"), func(text string, i int) {
				put(text, i+1)
			}}
		},
		"made anew with all that is above it": func(t *testing.T, root string) layout {
			top := filepath.Join(root, "a")
			put := func(text string, _ int) {
				require.NoError(t, os.RemoveAll(top))
				require.NoError(t, os.MkdirAll(filepath.Join(top, "b", "c"), 0o700))
				write(t, filepath.Join(top, "b", "c", "keyset.json"), text, 0o600)
			}
			put(textOf(t, "first"), 0)
			return layout{filepath.Join(top, "b", "c", "keyset.json"), put}
		},
	} {
		t.Run(name, func(t *testing.T) {
			layout := lay(t, sharedFolder(t))
			source := start(t, layout.path)
			for i := range 4 {
				id := fmt.Sprint("key-", i)
				layout.change(textOf(t, id), i)
				source.takesForce(t, id)
			}
			source.Stop()
			assert.Empty(t, source.Condition().Detail)
		})
	}
}

func TestAFileThatGoesWrongIsToldAndThenMended(t *testing.T) {
	path := filepath.Join(sharedFolder(t), "a", "keyset.json")
	require.NoError(t, os.Mkdir(filepath.Dir(path), 0o700))
	write(t, path, textOf(t, "first"), 0o600)
	source := start(t, path)

	require.NoError(t, os.Chmod(path, 0o644))
	source.tells(t, "keyset file: may be read or written by others, or written by its group")
	require.NoError(t, os.Chmod(path, 0o600))
	source.tells(t, "reloaded first")

	require.NoError(t, os.RemoveAll(filepath.Dir(path)))
	source.tells(t, "keyset file: is not found")
	assert.NotEmpty(t, source.Condition().Detail)
	require.NoError(t, os.Mkdir(filepath.Dir(path), 0o700))
	write(t, path, textOf(t, "second"), 0o600)
	source.takesForce(t, "second")

	require.NoError(t, os.Truncate(path, 0))
	source.tells(t, "keyset file: is no sound keyset: keyset: the set: is not JSON")
	assert.Equal(t, []string{"second"}, idsOf(source.Keyring()))
	write(t, path, textOf(t, "second"), 0o600)
	source.tells(t, "reloaded second")
	assert.Empty(t, source.Condition().Detail)
}

func TestAUserWhoseRightsGoAndComeBack(t *testing.T) {
	if elsewhere(t) {
		return
	}
	path := filepath.Join(sharedFolder(t), "a", "keyset.json")
	require.NoError(t, os.Mkdir(filepath.Dir(path), 0o700))
	write(t, path, textOf(t, "first"), 0o600)
	source := start(t, path)
	for _, taken := range []string{path, filepath.Dir(path)} {
		require.NoError(t, os.Chmod(taken, 0))
		source.tells(t, "keyset file: cannot be read: permission denied")
		assert.NotEmpty(t, source.Condition().Detail)
		require.NoError(t, os.Chmod(taken, 0o700))
		source.tells(t, "reloaded first")
	}
}

// TestAFolderThatCannotBeWatched is one that the user may walk through and not read.
func TestAFolderThatCannotBeWatched(t *testing.T) {
	if elsewhere(t) {
		return
	}
	folder := filepath.Join(sharedFolder(t), "closed")
	path := filepath.Join(folder, "keyset.json")
	require.NoError(t, os.Mkdir(folder, 0o700))
	write(t, path, textOf(t, "first"), 0o600)
	require.NoError(t, os.Chmod(folder, 0o300))
	t.Cleanup(func() { _ = os.Chmod(folder, 0o700) })
	source := start(t, path)
	source.tells(t, "watch: watch "+folder+": permission denied")
	replace(t, path, textOf(t, "second"))
	source.takesForce(t, "second")
}

// TestWatchOfDeletedFolderDoesNotDeadlock moves the watched folder away and deletes it before
// fsnotify handles the move: fsnotify then fails to remove its watch, and waits under its lock until
// the error is received. A concurrent follow needs that lock, and the pump frees it.
func TestWatchOfDeletedFolderDoesNotDeadlock(t *testing.T) {
	root := sharedFolder(t)
	folder := filepath.Join(root, "a")
	path := filepath.Join(folder, "keyset.json")
	require.NoError(t, os.Mkdir(folder, 0o700))
	write(t, path, textOf(t, "first"), 0o600)
	n := newNotifier().(*notifier)
	defer n.close()
	var err error
	n.system, err = fsnotify.NewWatcher()
	require.NoError(t, err)
	n.pumped = make(chan struct{})
	require.NoError(t, n.follow(path))
	require.NoError(t, os.Rename(folder, folder+".old"))
	require.NoError(t, os.RemoveAll(folder+".old"))
	for range 2 { // what the folder above tells: gone, and come by another name
		<-n.system.Events
	}
	followed := make(chan error, 1)
	go func() { followed <- n.follow(path) }()
	go n.pump()
	select {
	case err := <-followed:
		require.NoError(t, err)
	case <-time.After(soon):
		require.Fail(t, "nobody can follow any more")
	}
	require.NoError(t, os.Mkdir(folder, 0o700))
	require.NoError(t, n.follow(path))
	for len(n.signal) > 0 {
		<-n.signal
	}
	write(t, path, textOf(t, "second"), 0o600)
	select {
	case <-n.news():
	case <-time.After(soon):
		require.Fail(t, "the watch is lost")
	}
}

// TestOnlyTheWayIsNews plays the system to a notifier.
func TestOnlyTheWayIsNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNotifier().(*notifier)
		n.signal = make(chan struct{}, 1)
		n.system = &fsnotify.Watcher{Events: make(chan fsnotify.Event), Errors: make(chan error)}
		n.pumped = make(chan struct{})
		n.await("/etc/keyset.json")
		go n.pump()
		news := func() int {
			synctest.Wait()
			count := len(n.signal)
			for range count {
				<-n.signal
			}
			return count
		}
		n.system.Events <- fsnotify.Event{Name: "/etc/passwd", Op: fsnotify.Write}
		assert.Equal(t, 0, news())
		for range 3 {
			n.system.Events <- fsnotify.Event{Name: "//etc/keyset.json", Op: fsnotify.Chmod}
		}
		assert.Equal(t, 1, news(), "several are one")
		n.system.Errors <- fsnotify.ErrEventOverflow
		assert.Equal(t, 1, news(), "what was lost may have been news")
		n.awaitOnly(map[string]bool{"/etc/passwd": true})
		n.system.Events <- fsnotify.Event{Name: "/etc/keyset.json", Op: fsnotify.Create}
		assert.Equal(t, 0, news())
		n.system.Events <- fsnotify.Event{Name: "/etc/passwd", Op: fsnotify.Create}
		assert.Equal(t, 1, news())
		close(n.system.Events)
		<-n.pumped
	})
}

func TestFoldersOffTheWayAreNotWatched(t *testing.T) {
	root := sharedFolder(t)
	for _, folder := range []string{"one", "two"} {
		require.NoError(t, os.Mkdir(filepath.Join(root, folder), 0o700))
		write(t, filepath.Join(root, folder, "keyset.json"), textOf(t, "first"), 0o600)
	}
	link(t, "one", filepath.Join(root, "current"))
	n := newNotifier().(*notifier)
	defer n.close()
	path := filepath.Join(root, "current", "keyset.json")
	watched := func() []string {
		require.NoError(t, n.follow(path))
		way := map[string]bool{}
		_, _ = walk(path, func(_, entry string) { way[entry] = true })
		assert.Equal(t, way, n.entries)
		var below []string
		for _, folder := range n.system.WatchList() {
			if short, err := filepath.Rel(root, folder); err == nil && fs.ValidPath(short) {
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

func TestAWatchLeavesNothingOpen(t *testing.T) {
	path := filepath.Join(sharedFolder(t), "keyset.json")
	write(t, path, textOf(t, "first"), 0o600)
	start(t, path).Stop() // the runtime's own descriptors are open from here on
	before := descriptors(t)
	source := start(t, path)
	for range 3 {
		source.Stop()
		source.Start(t.Context())
		replace(t, path, textOf(t, "second"))
		source.takesForce(t, "second")
	}
	source.Stop()
	assert.Equal(t, before, descriptors(t))
}

var _ ports.Events = (*audience)(nil)
