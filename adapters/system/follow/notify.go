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
	// Watch watches the paths as they resolve now, instead of those before. It fails if not all of
	// them can be watched; the rest is watched all the same. There is one caller at a time.
	Watch(paths ...string) error
	// Changes returns a channel that receives when something on the watched paths changed, or may
	// have. Several changes may be reported as one. The channel is always the same.
	Changes() <-chan struct{}
	// Close ends the watch. It is called once, after Watch has returned.
	Close()
}

// notifier is a Watcher that uses the system's notifications. It watches directories, not files: a
// watch on a file stays with a file that is renamed away.
type notifier struct {
	signal    chan struct{}
	fsWatcher *fsnotify.Watcher // nil until one could be made
	pumpDone  chan struct{}     // closed when pump returns

	mu      sync.Mutex
	entries map[string]bool // the directory entries on the path
}

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
		// between. The watch ends where the path ends: whatever appears there later is a change in
		// the last directory.
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

func (n *notifier) addEntry(entry string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.entries[entry] = true
}

func (n *notifier) setEntries(entries map[string]bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.entries = entries
}

func (n *notifier) hasEntry(entry string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.entries[entry]
}

// pump reads the events of fsnotify. It has its own goroutine because fsnotify may hold its lock
// while it waits for a reader of an error: the caller of watch, which needs that lock, must not be
// that reader.
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
