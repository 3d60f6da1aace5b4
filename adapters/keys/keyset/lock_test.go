package keyset

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
)

// fileLocks are the locks of a file system that refuses locks on directories, as NFS does: an
// exclusive lock needs a descriptor that is open for writing.
var fileLocks = locks{folder: func(*os.File) error { return syscall.EBADF }, file: lockFile}

// fileLockStore returns a store on such a file system.
func fileLockStore(path string) *Store {
	store := NewStore(path)
	store.locks = fileLocks
	return store
}

func TestLocksFileIfDirectoryCannotBeLocked(t *testing.T) {
	for name, refusal := range map[string]error{
		"a descriptor that is not open for writing": syscall.EBADF,
		"not supported":   syscall.ENOTSUP,
		"not implemented": syscall.ENOSYS,
		"no locks":        syscall.ENOLCK,
		"NFS":             errNoFolderLock,
	} {
		t.Run(name, func(t *testing.T) {
			dir := sharedDir(t)
			path := filepath.Join(dir, "keyset.json")
			store := NewStore(path)
			store.locks.folder = func(*os.File) error { return refusal }
			previous := syscall.Umask(0o077)
			defer syscall.Umask(previous)
			for _, id := range []string{"a", "b"} {
				require.NoError(t, add(store, id))
				assert.Equal(t, []string{".keyset.json.lock", "keyset.json"}, names(t, dir))
			}
			lock := filepath.Join(dir, ".keyset.json.lock")
			assert.Equal(t, fs.FileMode(0o666), mode(t, lock), "other users must be able to open it")
			assert.Empty(t, read(t, lock))
			assert.Equal(t, fs.FileMode(0o600), mode(t, path))
		})
	}
}

func TestFileLockExcludesWriters(t *testing.T) {
	path := filepath.Join(sharedDir(t), "keyset.json")
	holder, err := openDir(path)
	require.NoError(t, err)
	require.NoError(t, holder.lock(t.Context(), fileLocks, deadline))
	store := fileLockStore(path)
	store.lockTimeout = 3 * lockRetryInterval
	assert.Equal(t, ProblemBusy, problem(t, add(store, "a")))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = store.Update(ctx, func(*keys.Keyring) (*keys.Keyring, error) { return nil, nil })
	assert.Equal(t, ProblemBusy, problem(t, err))
	assert.ErrorIs(t, err, context.Canceled)

	added := make(chan error, 1)
	store.lockTimeout = deadline
	go func() { added <- add(store, "a") }()
	holder.close()
	select {
	case err := <-added:
		require.NoError(t, err)
	case <-time.After(2 * deadline):
		require.Fail(t, "the lock is not released")
	}
}

func TestUpdateReportsFailureOfFileLock(t *testing.T) {
	dir := sharedDir(t)
	path := filepath.Join(dir, "keyset.json")
	store := fileLockStore(path)
	store.locks.file = func(*os.File) error { return syscall.ENOLCK }
	err := add(store, "a")
	assert.Equal(t, ProblemUnwritable, problem(t, err))
	assert.ErrorIs(t, err, syscall.ENOLCK)
	assert.NoFileExists(t, path)

	require.NoError(t, os.Remove(filepath.Join(dir, ".keyset.json.lock")))
	require.NoError(t, os.Symlink("elsewhere", filepath.Join(dir, ".keyset.json.lock")))
	err = add(fileLockStore(path), "a")
	assert.Equal(t, ProblemUnwritable, problem(t, err), "nothing is created through a link")
	assert.NotContains(t, err.Error(), dir)
	assert.Equal(t, []string{".keyset.json.lock"}, names(t, dir))
}

// TestReadOnlyDirectoryNeedsNoLockFile runs an update that changes nothing, and one that fails to
// write, in a folder in which no lock file can be created.
func TestReadOnlyDirectoryNeedsNoLockFile(t *testing.T) {
	if rerunUnprivileged(t) {
		return
	}
	dir := filepath.Join(sharedDir(t), "etc")
	path := filepath.Join(dir, "keyset.json")
	require.NoError(t, os.Mkdir(dir, 0o700))
	write(t, path, keysetText(t, "a"), 0o600)
	require.NoError(t, os.Chmod(dir, 0o500))
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	require.NoError(t, fileLockStore(path).Update(t.Context(),
		func(keyring *keys.Keyring) (*keys.Keyring, error) { return keyring, nil }))
	err := requireUnchanged(t, path, func() error { return add(fileLockStore(path), "b") })
	assert.EqualError(t, err, "keyset file: cannot be written: permission denied")
}

// TestUpdateFailsIfLockFileCannotBeOpened checks that nothing is written without the lock in a
// folder that is not read-only.
func TestUpdateFailsIfLockFileCannotBeOpened(t *testing.T) {
	if rerunUnprivileged(t) {
		return
	}
	dir := sharedDir(t)
	path := filepath.Join(dir, "keyset.json")
	write(t, path, keysetText(t, "a"), 0o600)
	write(t, filepath.Join(dir, ".keyset.json.lock"), "", 0)
	err := requireUnchanged(t, path, func() error { return add(fileLockStore(path), "b") })
	assert.Equal(t, ProblemUnwritable, problem(t, err))
	assert.ErrorIs(t, err, fs.ErrPermission)
}

func TestSystemLocksExclude(t *testing.T) {
	folder, err := os.Open(sharedDir(t))
	require.NoError(t, err)
	defer func() { _ = folder.Close() }()
	assert.False(t, onNFS(folder))
	require.NoError(t, lockFolder(folder))
	again, err := os.Open(folder.Name())
	require.NoError(t, err)
	defer func() { _ = again.Close() }()
	assert.True(t, held(lockFolder(again)))
	assert.Error(t, lockFile(folder), "a folder cannot have a write lock, as on NFS")
}
