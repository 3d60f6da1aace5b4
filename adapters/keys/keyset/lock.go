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

const (
	// lockTimeout is how long a writer waits for other writers.
	lockTimeout = 10 * time.Second
	// lockRetryInterval is the time between two attempts to lock.
	lockRetryInterval = 20 * time.Millisecond
)

// lockMode lets every user who can reach the folder open the lock file, which is empty: a file that
// another user left behind must not exclude this user.
const lockMode fs.FileMode = 0o666

// Writers exclude each other by one of two locks. The file system of the folder determines which,
// so all writers of a folder use the same.
//
// A lock on the directory itself (flock(2)) leaves no file behind and needs only the permission to
// read the directory. On NFS it cannot be used: an exclusive lock needs a descriptor that is open
// for writing, which a directory cannot have, or it is valid on one client only. On NFS, and on any
// file system that refuses the first lock, writers lock a file beside the keyset, which NFS
// forwards to the server. That file is never removed: two writers could hold the lock if one of
// them had a stale directory entry of a removed file.
//
// If the lock file cannot be created because the folder is read-only, nothing can be written
// either. The lock is then not needed for reading, and the first write fails with the cause. A lock
// file that exists and cannot be opened does not mean that the folder is read-only, so the update
// fails.

// locks holds the functions with which writers exclude each other. Tests replace them.
type locks struct {
	// folder locks a directory, without waiting.
	folder func(*os.File) error
	// file locks a file that is open for writing, without waiting.
	file func(*os.File) error
}

// systemLocks are the locks of the operating system.
var systemLocks = locks{folder: lockFolder, file: lockFile}

// errNoFolderLock is the error of lockFolder if the file system has no locks on directories that
// are valid on all clients.
var errNoFolderLock = errors.New("no lock on a directory")

// errReadOnlyFolder is the error of openLock if there is no lock file and none can be created.
var errReadOnlyFolder = errors.New("the folder is read-only")

// lockFolder locks a directory, without waiting.
func lockFolder(folder *os.File) error {
	if onNFS(folder) {
		return errNoFolderLock
	}
	return syscall.Flock(int(folder.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

// held reports whether an attempt to lock that failed with err must be repeated: another writer
// holds the lock, or the attempt was interrupted.
func held(err error) bool {
	return errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EAGAIN) ||
		errors.Is(err, syscall.EINTR)
}

// lock waits until it has the lock of the directory, for timeout at most. It fails with a
// *WriteError. In a read-only folder it may succeed without a lock.
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
	for range 2 { // again if another writer creates the file in between
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

// await calls try until it succeeds, or fails with an error that held does not accept, or ctx ends.
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

// busy returns the *WriteError for an error of await; nil for nil.
func busy(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled):
		return &WriteError{Problem: ProblemBusy, Cause: err}
	}
	return &WriteError{Problem: ProblemUnwritable, Cause: err}
}
