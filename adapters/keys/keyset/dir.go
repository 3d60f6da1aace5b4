package keyset

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/google/renameio/v2"

	"github.com/offload/sessiond/adapters/system/securefile"
	"github.com/offload/sessiond/domain/keys"
)

// newMode is the mode of a file that did not exist.
const newMode fs.FileMode = 0o600

// dir is the directory of a keyset file, with links resolved. Everything is done in the directory
// that was opened, whatever its name refers to later.
type dir struct {
	root *os.Root
	// self is the directory as a file.
	self *os.File
	// lockFile is nil unless the lock is one on a file.
	lockFile *os.File
	name     string
}

// current is a keyset file before a change, under the lock. All fields are nil if there is no file.
type current struct {
	keyring *keys.Keyring
	file    *os.File
	stat    fs.FileInfo
}

func (c *current) close() { _ = c.file.Close() } // does nothing for a nil file

func openDir(path string) (*dir, error) {
	file, err := securefile.Resolve(path, func(string, string) {})
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
	return &dir{root: root, self: self, name: filepath.Base(file)}, nil
}

// close releases the lock.
func (d *dir) close() {
	_ = d.lockFile.Close() // does nothing for a nil file
	_ = d.self.Close()
	_ = d.root.Close()
}

// tempName returns the name of the file that is about to replace the keyset. While it is being
// written it has a longer one, which renameio derives from this name: a dot before it and a number
// after it. If that were derived from the keyset's own name, it could look like a copy, which
// people name by date and time.
func (d *dir) tempName() string { return "." + d.name + ".next" }

// removeLeftovers removes the files that killed writers left behind, because they hold keys. Under
// the lock no writer is using them.
func (d *dir) removeLeftovers() {
	entries, _ := d.self.ReadDir(-1)
	for _, entry := range entries {
		leftover := entry.Name() == d.tempName() ||
			strings.HasPrefix(entry.Name(), "."+d.tempName())
		if leftover && entry.Type().IsRegular() {
			_ = d.root.Remove(entry.Name()) // without permission, it is left to another user
		}
	}
}

// replace replaces the file with text: written to another file, synced, and renamed. It fails with
// a *WriteError; then the file is unchanged, unless the problem says otherwise.
func (d *dir) replace(current *current, text string) error {
	next, err := renameio.NewPendingFile(d.tempName(), renameio.WithRoot(d.root),
		renameio.WithPermissions(newMode))
	if err != nil {
		return &WriteError{Problem: ProblemUnwritable, Cause: securefile.WithoutPath(err)}
	}
	defer func() { _ = next.Cleanup() }()
	if err := current.copyAttributes(next.File); err != nil {
		return &WriteError{Problem: ProblemOwner, Cause: securefile.WithoutPath(err)}
	}
	if _, err := next.WriteString(text); err != nil {
		return &WriteError{Problem: ProblemUnwritable, Cause: securefile.WithoutPath(err)}
	}
	if err := next.CloseAtomicallyReplace(); err != nil {
		return &WriteError{Problem: ProblemUnwritable, Cause: securefile.WithoutPath(err)}
	}
	if err := d.root.Rename(d.tempName(), d.name); err != nil {
		_ = d.root.Remove(d.tempName())
		if errors.Is(err, syscall.EBUSY) {
			return &WriteError{Problem: ProblemMounted, Cause: securefile.WithoutPath(err)}
		}
		return &WriteError{Problem: ProblemUnwritable, Cause: securefile.WithoutPath(err)}
	}
	if err := d.self.Sync(); err != nil {
		return &WriteError{Problem: ProblemUnsynced, Cause: securefile.WithoutPath(err)}
	}
	return nil
}

// copyAttributes copies owner, group, access list and mode to the next file, in this order: at no
// instant can a group that could not read the old file read the new one.
func (c *current) copyAttributes(next *os.File) error {
	if c.file == nil {
		return next.Chmod(newMode) // the umask may have removed permissions
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
