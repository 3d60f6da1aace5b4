package follow

import (
	"errors"
	"io/fs"
	"path/filepath"
	"sync"

	"github.com/fsnotify/fsnotify"

	"github.com/offload/sessiond/adapters/system/securefile"
)

// Watcher reports changes on the paths to files: to a file, to a folder above it, or to a symbolic
// link on the way.
type Watcher interface {
	// Watch watches paths as they resolve now, in place of the paths of the previous call. If some
	// cannot be watched, it fails and watches the others. It is never called concurrently.
	Watch(paths ...string) error
	// Changes returns a channel that receives after something on the watched paths has changed, or
	// may have changed. Several changes may be reported as one. It always returns the same channel.
	Changes() <-chan struct{}
	// Close ends the watch. It is called once, after the last call of Watch has returned.
	Close()
}

// notifier is a Watcher that uses the system's notifications. It watches directories, not files: a
// watch on a file stays with a file that is renamed away.
type notifier struct {
	signal    chan struct{}
	fsWatcher *fsnotify.Watcher // nil until one could be made
	pumpDone  chan struct{}     // closed when pump returns

	mu      sync.Mutex
	entries map[string]bool // the paths of the directory entries on the watched paths
}

// newNotifier returns a notifier that watches nothing yet.
func newNotifier() Watcher {
	return &notifier{signal: make(chan struct{}, 1), entries: map[string]bool{}}
}

// Changes implements Watcher.
func (n *notifier) Changes() <-chan struct{} { return n.signal }

// Watch implements Watcher.
func (n *notifier) Watch(paths ...string) error {
	if n.fsWatcher == nil {
		fsWatcher, err := fsnotify.NewWatcher()
		if err != nil {
			return err // no more inotify instances; the next call tries again
		}
		n.fsWatcher, n.pumpDone = fsWatcher, make(chan struct{})
		go n.pump()
	}
	var failed error
	dirs, entries := map[string]bool{}, map[string]bool{}
	for _, path := range paths {
		// A directory is watched before any of its entries is read, so that no change is missed in
		// between. If the path ends early, the last directory is watched: the missing entry will
		// appear in it.
		_, _ = securefile.Resolve(path, func(dir, entry string) {
			entries[entry] = true
			n.addEntry(entry)
			if dirs[dir] {
				return
			}
			dirs[dir] = true
			// If the directory is gone, that is a change in the one above.
			if err := n.fsWatcher.Add(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
				failed = errors.Join(failed, &fs.PathError{Op: "watch", Path: dir, Err: err})
			}
		})
	}
	n.setEntries(entries)
	for _, dir := range n.fsWatcher.WatchList() {
		if !dirs[dir] {
			_ = n.fsWatcher.Remove(dir) // it may be gone already
		}
	}
	return failed
}

// addEntry adds an entry to those whose changes are reported.
func (n *notifier) addEntry(entry string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.entries[entry] = true
}

// setEntries replaces the entries whose changes are reported.
func (n *notifier) setEntries(entries map[string]bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.entries = entries
}

// hasEntry reports whether changes of an entry are reported.
func (n *notifier) hasEntry(entry string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.entries[entry]
}

// pump reads the events of fsnotify until it is closed. It has its own goroutine because fsnotify
// may hold its lock while it waits for a reader of an error: the caller of Watch, which needs that
// lock, must not be that reader.
func (n *notifier) pump() {
	defer close(n.pumpDone)
	for {
		// An error means that notifications were lost, any of which may have been for an entry on
		// the path.
		changed := true
		select {
		case event, open := <-n.fsWatcher.Events:
			if !open {
				return
			}
			changed = n.hasEntry(filepath.Clean(event.Name))
		case _, open := <-n.fsWatcher.Errors:
			if !open {
				return
			}
		}
		if changed {
			select {
			case n.signal <- struct{}{}:
			default:
			}
		}
	}
}

// Close implements Watcher.
func (n *notifier) Close() {
	if n.fsWatcher == nil {
		return
	}
	_ = n.fsWatcher.Close()
	<-n.pumpDone
}
