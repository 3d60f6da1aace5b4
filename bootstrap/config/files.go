package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// The maximum sizes of files, in bytes.
const (
	maxFile     = 1 << 20
	maxDenylist = 16 << 20
)

var (
	errNotRegular = errors.New("not a regular file")
	errTooLarge   = errors.New("too large")
)

// file holds the content and the mode of a file.
type file struct {
	content string
	mode    fs.FileMode
}

// readFile reads a regular file of at most limit bytes. It follows symbolic links; the mode is that
// of the file that was read. It returns errNotRegular, errTooLarge or the error of the system. It
// never blocks, as opening a pipe without a writer would.
func readFile(name string, limit int64) (file, error) {
	// Other kinds of files are refused without opening them, because opening some devices has side
	// effects. The name may refer to another file by the time it is opened, so the kind is checked
	// again, and the file is opened without blocking.
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

// exposed reports whether the mode is unsafe for a file that contains a secret: others may read or
// write it, or its group may write it. The group may read it, because Kubernetes (fsGroup) and
// systemd (LoadCredential) set the mode that way.
func (f file) exposed() bool { return f.mode.Perm()&0o026 != 0 }

// The texts about an exposed file.
const (
	problemExposed = "may be read or written by others, or written by its group"
	remedyExposed  = "restrict the mode, for example to 0600 or 0640: chmod o-rwx,g-w"
)

// fileProblem describes why a file could not be read. The text depends only on the kind of the
// error.
func fileProblem(err error, limit int64) (problem, remedy string) {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "is not found", "name a file that exists"
	case errors.Is(err, fs.ErrPermission):
		return "may not be read by this process (permission denied)",
			"let the service's user read it"
	case errors.Is(err, errNotRegular):
		return "is not a regular file", "name a regular file, not a directory, pipe or device"
	case errors.Is(err, errTooLarge):
		return fmt.Sprintf("is larger than %d bytes", limit), "name a smaller file"
	}
	return "cannot be read", "name a file that can be read"
}
