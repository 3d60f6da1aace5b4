package sessionclient

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const (
	// maxFile bounds the file: a larger one is not a client's.
	maxFile = 64 << 10
	// lockInterval is how often a lock that another process holds is tried again.
	lockInterval = 20 * time.Millisecond
)

// errNotRegular says that a file is a symbolic link, a folder or a device. It is neither read nor
// replaced: a link could lead into files of others.
var errNotRegular = errors.New("sessionclient: not a regular file")

// errTooLarge says that a file is larger than a client's.
var errTooLarge = errors.New("sessionclient: the file is too large")

// FileStorage is a Storage in a file that only its owner may read. Processes may share it. A file
// beside it, with .lock at the end of its name, holds the lock, which ends with its process; on
// systems without flock(2) processes do not exclude each other. No other user may write to its
// folder: the owner of the file is not checked, because some file systems (of a network, of
// another system) have another one than who wrote it.
type FileStorage struct{ path string }

// NewFileStorage returns a FileStorage in the file at path. The file, and the folder that it is in,
// are created when a session is saved. A later change of the working folder has no effect.
func NewFileStorage(path string) *FileStorage {
	if absolute, err := filepath.Abs(path); err == nil { // else the working folder is gone
		path = absolute
	}
	return &FileStorage{path}
}

// Load implements Storage.
func (s *FileStorage) Load(context.Context) (string, error) {
	return readRegular(s.path, func(fs.FileInfo) error { return nil })
}

// readRegular returns the text of a regular file of which judge approves, or an empty text if there
// is no file.
func readRegular(path string, judge func(fs.FileInfo) error) (string, error) {
	file, err := openRegular(path, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err == nil {
		err = judge(info)
	}
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = errTooLarge
	}
	return string(text), err
}

// Save implements Storage. It replaces the file in one step, so that no reader sees a part of it.
func (s *FileStorage) Save(_ context.Context, text string) error {
	switch info, err := os.Lstat(s.path); {
	case errors.Is(err, fs.ErrNotExist):
		if text == "" {
			return nil
		}
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return errNotRegular
	case text == "":
		return os.Remove(s.path)
	}
	folder := filepath.Dir(s.path)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(folder, "."+filepath.Base(s.path)+".*") // with mode 0600
	if err != nil {
		return err
	}
	_, err = io.WriteString(file, text)
	if err == nil {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(file.Name(), s.path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
	}
	return err
}

// Lock implements Storage.
func (s *FileStorage) Lock(ctx context.Context) (func(), error) {
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return nil, err
	}
	file, err := openRegular(s.path+".lock", os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, err
	}
	unlock := func() { _ = file.Close() }
	again := time.NewTicker(lockInterval)
	defer again.Stop()
	for {
		locked, err := tryLock(file)
		if locked {
			return unlock, nil
		}
		if err != nil {
			unlock()
			return nil, err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			unlock()
			return nil, ctx.Err()
		}
	}
}

// openRegular opens a regular file. It neither follows a link nor waits for the writer of a pipe.
func openRegular(path string, flags int) (*os.File, error) {
	file, err := os.OpenFile(path, flags|openFlags, 0o600)
	if err != nil {
		return nil, err
	}
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		_ = file.Close()
		return nil, errors.Join(err, errNotRegular)
	}
	return file, nil
}
