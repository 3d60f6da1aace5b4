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

// newMode is the mode of a keyset file that did not exist before.
const newMode fs.FileMode = 0o600

// dir is the open directory of a keyset file, with links resolved. All operations are relative to
// that directory, even if its name refers to another one later.
type dir struct {
	root *os.Root
	// self is the directory as a file.
	self *os.File
	// lockFile is the locked file; nil unless the lock is on a file.
	lockFile *os.File
	// name is the name of the keyset file in the directory.
	name string
}

// current is a keyset file before a change. All fields are nil if there is no file.
type current struct {
	keyring *keys.Keyring
	file    *os.File
	stat    fs.FileInfo
}

func (c *current) close() { _ = c.file.Close() } // does nothing for a nil file

// openDir opens the directory of the file at path, which need not exist. It does not lock it.
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

// close closes the directory, which releases the lock.
func (d *dir) close() {
	_ = d.lockFile.Close() // does nothing for a nil file
	_ = d.self.Close()
	_ = d.root.Close()
}

// tempName returns the name of the complete file before it replaces the keyset. While the file is
// being written, it has a longer name, which renameio derives from this one by adding a dot before
// it and a number after it. A name derived from that of the keyset could be that of a copy, because
// operators name copies by date and time.
func (d *dir) tempName() string { return "." + d.name + ".next" }

// removeLeftovers removes the files that killed writers left behind, because they contain keys. The
// caller holds the lock, so that no writer uses them.
func (d *dir) removeLeftovers() {
	entries, _ := d.self.ReadDir(-1)
	for _, entry := range entries {
		leftover := entry.Name() == d.tempName() ||
			strings.HasPrefix(entry.Name(), "."+d.tempName())
		if leftover && entry.Type().IsRegular() {
			_ = d.root.Remove(entry.Name()) // the file of another user may remain
		}
	}
}

// replace replaces the keyset file, which is current, with text: it writes another file, syncs it
// and renames it. It fails with a *WriteError. Then the file is unchanged, except for
// ProblemUnsynced.
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

// copyAttributes copies owner, group, access list and mode to next, in this order, so that a group
// that could not read the old file cannot read next at any time.
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
