package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// The most that a file may hold, in bytes.
const (
	maxFile     = 1 << 20
	maxDenylist = 16 << 20
)

var (
	errNotRegular = errors.New("not a regular file")
	errTooLarge   = errors.New("too large")
)

// file is a file that was read whole.
type file struct {
	content string
	mode    fs.FileMode
}

// readFile reads a regular file of at most limit bytes, following symbolic links; the mode is that of the file that was read. It fails with
// errNotRegular, errTooLarge, or what the system says. It never waits for a writer, as a pipe would have it.
func readFile(name string, limit int64) (file, error) {
	// What is no file is refused unopened, for opening some devices does something. Between here and there the name may
	// come to stand for another thing, so it is looked at again, and opened in a way that waits for nobody.
	if stat, err := os.Stat(name); err != nil {
		return file{}, err
	} else if !stat.Mode().IsRegular() {
		return file{}, errNotRegular
	}
	opened, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return file{}, err
	}
	defer func() { _ = opened.Close() }()
	stat, err := opened.Stat()
	if err != nil {
		return file{}, err
	}
	if !stat.Mode().IsRegular() {
		return file{}, errNotRegular
	}
	content, err := io.ReadAll(io.LimitReader(opened, limit+1))
	if err != nil {
		return file{}, err
	}
	if int64(len(content)) > limit {
		return file{}, errTooLarge
	}
	return file{content: string(content), mode: stat.Mode()}, nil
}

// exposed tells whether more may be done with a file that holds a secret than is safe: others may read or write it, or its group may write it.
// That its group may read it is well, for Kubernetes (fsGroup) and systemd (LoadCredential) make it so.
func (f file) exposed() bool { return f.mode.Perm()&0o026 != 0 }

// What is said of an exposed file.
const (
	problemExposed = "may be read or written by others, or written by its group"
	remedyExposed  = "take these rights away: chmod o-rwx,g-w, as mode 0600 or 0640 has them"
)

// fileProblem says why a file could not be read, by the kind of the error alone.
func fileProblem(err error, limit int64) (problem, remedy string) {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "is not found", "name a file that exists"
	case errors.Is(err, fs.ErrPermission):
		return "may not be read by this process (permission denied)",
			"let the service's user read it"
	case errors.Is(err, errNotRegular):
		return "is not a regular file", "name a regular file: no directory, pipe or device"
	case errors.Is(err, errTooLarge):
		return fmt.Sprintf("is larger than %d bytes", limit), "name a smaller file"
	}
	return "cannot be read", "name a file that can be read"
}
