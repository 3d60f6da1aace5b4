package keyset

import (
	"errors"
	"io/fs"
	"path/filepath"
	"sync"

	"github.com/fsnotify/fsnotify"
)

// watcher reports changes on the path to a file. Its methods are for one caller.
type watcher interface {
	// follow watches the path as it is now, in place of the previous one. It fails if some of it
	// cannot be watched; what can be watched is watched.
	follow(path string) error
	// news receives a value when something on the path changed or may have changed. Several changes
	// may be one value.
	news() <-chan struct{}
	// close ends the watch.
	close()
}

// notifier is a watcher that uses the system's notifications. It watches folders, not files: a
// watch on a file stays with a file that was renamed away.
type notifier struct {
	signal chan struct{}
	system *fsnotify.Watcher // nil until it could be created
	pumped chan struct{}     // closed when the pump ends

	mu      sync.Mutex
	entries map[string]bool // the entries on the path
}

func newNotifier() watcher {
	return &notifier{signal: make(chan struct{}, 1), entries: map[string]bool{}}
}

func (n *notifier) news() <-chan struct{} { return n.signal }

func (n *notifier) follow(path string) error {
	if n.system == nil {
		system, err := fsnotify.NewWatcher()
		if err != nil {
			return err // no more instances available; there may be the next time
		}
		n.system, n.pumped = system, make(chan struct{})
		go n.pump()
	}
	var failed error
	folders, entries := map[string]bool{}, map[string]bool{}
	// A folder is watched before anything in it is examined, so that no change is missed in
	// between. Where the path ends, the watch ends too: whatever appears there is a change in the
	// last folder.
	_, _ = walk(path, func(folder, entry string) {
		entries[entry] = true
		n.await(entry)
		if folders[folder] {
			return
		}
		folders[folder] = true
		// gone: a change in the folder above it
		if err := n.system.Add(folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = errors.Join(failed, &fs.PathError{Op: "watch", Path: folder, Err: err})
		}
	})
	n.awaitOnly(entries)
	for _, folder := range n.system.WatchList() {
		if !folders[folder] {
			_ = n.system.Remove(folder) // it may have disappeared by itself
		}
	}
	return failed
}

func (n *notifier) await(entry string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.entries[entry] = true
}

func (n *notifier) awaitOnly(entries map[string]bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.entries = entries
}

func (n *notifier) awaits(entry string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.entries[entry]
}

// pump receives what the system reports. It has its own goroutine because fsnotify may hold its
// lock while it waits for a receiver of an error: the caller of follow must not be that receiver.
func (n *notifier) pump() {
	defer close(n.pumped)
	for {
		// an error means that notifications were lost, any of which may have been ours
		changed := true
		select {
		case event, open := <-n.system.Events:
			if !open {
				return
			}
			changed = n.awaits(filepath.Clean(event.Name))
		case _, open := <-n.system.Errors:
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

func (n *notifier) close() {
	if n.system == nil {
		return
	}
	_ = n.system.Close()
	<-n.pumped
}
