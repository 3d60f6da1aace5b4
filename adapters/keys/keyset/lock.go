package keyset

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/offload/sessiond/adapters/system/securefile"
)

// How long a writer waits for other writers, and how often it tries again.
const (
	lockTimeout       = 10 * time.Second
	lockRetryInterval = 20 * time.Millisecond
)

// lockMode lets every user who can reach the folder open the lock file, which holds nothing: one
// that another user left behind must not shut out this one.
const lockMode fs.FileMode = 0o666

// Writers exclude each other by one of two locks, and all writers of a folder by the same, because
// its file system decides which.
//
// A lock on the directory itself (flock(2)) leaves no file behind and needs only the right to read
// it. NFS refuses it: there an exclusive lock needs a descriptor that is open for writing, which a
// directory cannot have, or it holds on one client only. So a file system that is NFS, or that
// refuses the first lock, gets a lock on a file beside the keyset, which NFS passes on to the
// server. That file stays: a file that is removed while another client holds a stale entry of it
// would be locked twice.
//
// Where no lock file can be created because the folder is read-only, nothing can be written either:
// the lock is then not needed to read, and the first write reports why it fails. A lock file that
// exists and cannot be opened says nothing about the folder, so there nothing is done.

// locks is how writers exclude each other. Tests replace it.
type locks struct {
	// folder locks a directory, without waiting.
	folder func(*os.File) error
	// file locks a file that is open for writing, without waiting.
	file func(*os.File) error
}

// systemLocks are the locks of the operating system.
var systemLocks = locks{folder: lockFolder, file: lockFile}

// errNoFolderLock says that the file system of a directory has no useful locks on directories.
var errNoFolderLock = errors.New("no lock on a directory")

// errReadOnlyFolder says that there is no lock file that can be opened, and none can be created.
var errReadOnlyFolder = errors.New("the folder is read-only")

// lockFolder locks a directory.
func lockFolder(folder *os.File) error {
	if onNFS(folder) {
		return errNoFolderLock
	}
	return syscall.Flock(int(folder.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

// held reports whether an error of a lock means that another writer holds it, or that the attempt
// was interrupted.
func held(err error) bool {
	return errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EAGAIN) ||
		errors.Is(err, syscall.EINTR)
}

// lock waits until no other writer holds the directory. It fails with a *WriteError.
func (d *dir) lock(ctx context.Context, locks locks, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := await(ctx, func() error { return locks.folder(d.self) })
	if err == nil || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return busy(err)
	}
	file, err := d.openLock()
	switch {
	case errors.Is(err, errReadOnlyFolder):
		return nil
	case err != nil:
		return &WriteError{Problem: ProblemUnwritable, Cause: securefile.WithoutPath(err)}
	}
	d.lockFile = file
	return busy(await(ctx, func() error { return locks.file(file) }))
}

// lockName returns the name of the lock file.
func (d *dir) lockName() string { return "." + d.name + ".lock" }

// openLock opens the lock file for writing, or creates it. It fails with errReadOnlyFolder if
// nothing can be written in the folder.
func (d *dir) openLock() (*os.File, error) {
	const flags = os.O_RDWR | syscall.O_NONBLOCK | syscall.O_NOCTTY
	var err error
	for range 2 { // again if another writer creates it in between
		var file *os.File
		file, err = d.root.OpenFile(d.lockName(), flags, 0)
		switch {
		case errors.Is(err, syscall.EROFS):
			return nil, errReadOnlyFolder
		case !errors.Is(err, fs.ErrNotExist):
			return file, err
		}
		file, err = d.root.OpenFile(d.lockName(), flags|os.O_CREATE|os.O_EXCL, lockMode)
		if err == nil {
			_ = file.Chmod(lockMode) // the umask may have removed permissions
			return file, nil
		}
		switch {
		case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
			return nil, errReadOnlyFolder
		case !errors.Is(err, fs.ErrExist):
			return nil, err
		}
	}
	return nil, err
}

// await tries to lock until that succeeds, fails for another reason than a lock that is held, or
// ctx ends.
func await(ctx context.Context, try func() error) error {
	again := time.NewTicker(lockRetryInterval)
	defer again.Stop()
	for {
		if err := try(); err == nil || !held(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-again.C:
		}
	}
}

// busy returns the *WriteError of an error of await, or nil.
func busy(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled):
		return &WriteError{Problem: ProblemBusy, Cause: err}
	}
	return &WriteError{Problem: ProblemUnwritable, Cause: err}
}
