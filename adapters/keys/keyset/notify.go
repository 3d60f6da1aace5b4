package keyset

import (
	"errors"
	"io/fs"
	"path/filepath"
	"sync"

	"github.com/fsnotify/fsnotify"
)

// watcher tells that something changed on the way to a file. Its methods are for one caller.
type watcher interface {
	// follow watches the way to path as it is now, in place of the one before. It fails where not all of it can be watched; what can be, is.
	follow(path string) error
	// news receives when something changed on the way that is followed, or may have. Several changes may be one.
	news() <-chan struct{}
	// close ends the watch.
	close()
}

// notifier is a watcher on the system's notifications. It watches folders, not files: a watch on a file stays with one that was renamed
// away.
type notifier struct {
	signal chan struct{}
	system *fsnotify.Watcher // nil until there was one to have
	pumped chan struct{}     // closed when the pump ends

	mu      sync.Mutex
	entries map[string]bool // what lies on the way
}

func newNotifier() watcher {
	return &notifier{signal: make(chan struct{}, 1), entries: map[string]bool{}}
}

func (n *notifier) news() <-chan struct{} { return n.signal }

func (n *notifier) follow(path string) error {
	if n.system == nil {
		system, err := fsnotify.NewWatcher()
		if err != nil {
			return err // no more instances to be had; the next time there may be
		}
		n.system, n.pumped = system, make(chan struct{})
		go n.pump()
	}
	var failed error
	folders, entries := map[string]bool{}, map[string]bool{}
	// A folder is watched before anything in it is looked at, so no change falls in between. Where the way ends, so does the watch: whatever
	// comes to be there is a change in the last folder.
	_, _ = walk(path, func(folder, entry string) {
		entries[entry] = true
		n.await(entry)
		if folders[folder] {
			return
		}
		folders[folder] = true
		if err := n.system.Add(folder); err != nil && !errors.Is(err, fs.ErrNotExist) { // gone: a change in the folder above
			failed = errors.Join(failed, &fs.PathError{Op: "watch", Path: folder, Err: err})
		}
	})
	n.awaitOnly(entries)
	for _, folder := range n.system.WatchList() {
		if !folders[folder] {
			_ = n.system.Remove(folder) // it may have gone by itself
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

// pump takes what the system tells. It has a goroutine of its own because fsnotify may hold its lock while it waits for somebody to take an
// error: whoever calls follow must not be the one to take it.
func (n *notifier) pump() {
	defer close(n.pumped)
	for {
		changed := true // an error is the loss of notifications, of which any may have been ours
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
