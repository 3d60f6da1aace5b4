package keyset

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/google/renameio/v2"

	"github.com/offload/sessiond/domain/keys"
)

// How long a writer waits for others, and how often it tries.
const (
	lockWithin = 10 * time.Second
	lockEvery  = 20 * time.Millisecond
)

// newMode is the mode of a newly created file.
const newMode fs.FileMode = 0o600

// folder is the folder of a keyset file, with links resolved. All operations use the opened folder,
// whatever its path refers to later.
type folder struct {
	root *os.Root
	// self is the folder as a file. A writer holds its lock: that leaves nothing behind, ends with
	// the process, and needs no more than permission to read the folder.
	self *os.File
	name string
}

// current is a keyset file before a change, under the lock. All fields are nil if there is none.
type current struct {
	keyring *keys.Keyring
	file    *os.File
	stat    fs.FileInfo
}

func (c *current) close() { _ = c.file.Close() } // does nothing for a file that does not exist

func openFolder(path string) (*folder, error) {
	file, err := walk(path, func(string, string) {})
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(filepath.Dir(file))
	if err != nil {
		return nil, err
	}
	self, err := root.Open(".")
	if err != nil {
		_ = root.Close()
		return nil, err
	}
	return &folder{root: root, self: self, name: filepath.Base(file)}, nil
}

// close releases the lock.
func (f *folder) close() {
	_ = f.self.Close()
	_ = f.root.Close()
}

// lock waits until no other writer holds the folder. It fails with a *WriteError.
func (f *folder) lock(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lockWithin)
	defer cancel()
	again := time.NewTicker(lockEvery)
	defer again.Stop()
	for {
		err := syscall.Flock(int(f.self.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR):
			return &WriteError{Problem: ProblemUnwritable, Cause: err}
		}
		select {
		case <-ctx.Done():
			return &WriteError{Problem: ProblemBusy, Cause: ctx.Err()}
		case <-again.C:
		}
	}
}

// next returns the name of the file that is about to replace the keyset. While it is written it has
// a longer name, which renameio derives from this one: a dot before it and a number after it.
// Derived from the keyset's own name, it could be the name of a copy, which people name by date and
// time.
func (f *folder) next() string { return "." + f.name + ".next" }

// sweep removes what killed writers left behind, because it holds keys. Under the lock nothing is
// about to use it.
func (f *folder) sweep() {
	entries, _ := f.self.ReadDir(-1)
	for _, entry := range entries {
		left := entry.Name() == f.next() || strings.HasPrefix(entry.Name(), "."+f.next())
		if left && entry.Type().IsRegular() {
			_ = f.root.Remove(entry.Name()) // without permission, it is left to another user
		}
	}
}

// replace replaces the file with text: written to another file, synced, and renamed. It fails with
// a *WriteError, and then the file is the old one, unless the error says otherwise.
func (f *folder) replace(current *current, text string) error {
	next, err := renameio.NewPendingFile(f.next(), renameio.WithRoot(f.root),
		renameio.WithPermissions(newMode))
	if err != nil {
		return &WriteError{Problem: ProblemUnwritable, Cause: bare(err)}
	}
	defer func() { _ = next.Cleanup() }()
	if err := current.copyAttributes(next.File); err != nil {
		return &WriteError{Problem: ProblemOwner, Cause: bare(err)}
	}
	if _, err := next.WriteString(text); err != nil {
		return &WriteError{Problem: ProblemUnwritable, Cause: bare(err)}
	}
	if err := next.CloseAtomicallyReplace(); err != nil {
		return &WriteError{Problem: ProblemUnwritable, Cause: bare(err)}
	}
	if err := f.root.Rename(f.next(), f.name); err != nil {
		_ = f.root.Remove(f.next())
		return &WriteError{Problem: ProblemUnwritable, Cause: bare(err)}
	}
	if err := f.self.Sync(); err != nil {
		return &WriteError{Problem: ProblemUnsynced, Cause: bare(err)}
	}
	return nil
}

// copyAttributes gives the owner, group, access list and mode to the next file, in this order: a
// group that the old file did not have cannot read the new one at any time.
func (c *current) copyAttributes(next *os.File) error {
	if c.file == nil {
		return next.Chmod(newMode) // the process's umask may have removed permissions
	}
	stat, err := next.Stat()
	if err != nil {
		return err
	}
	is, was := stat.Sys().(*syscall.Stat_t), c.stat.Sys().(*syscall.Stat_t)
	if is.Uid != was.Uid || is.Gid != was.Gid {
		if err := next.Chown(int(was.Uid), int(was.Gid)); err != nil {
			return err
		}
	}
	if err := copyAccessList(c.file, next); err != nil {
		return err
	}
	return next.Chmod(c.stat.Mode().Perm())
}
