package issuetrace

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// Fault is why a file cannot be used for a trace. The problem continues a sentence that names the
// file.
type Fault struct{ Problem, Remedy string }

// Error implements error.
func (f *Fault) Error() string { return f.Problem + ": " + f.Remedy }

const remedyOther = "name a file that does not exist yet, or a trace that sessiond wrote"

// Check returns why a file cannot be used for a trace, as far as that shows without opening it for
// writing; nil if nothing does.
func Check(name string) *Fault {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		folder, err := os.Stat(filepath.Dir(name))
		if err != nil || !folder.IsDir() {
			return &Fault{"is in a directory that does not exist", "create the directory"}
		}
		return nil
	case err != nil:
		return &Fault{"cannot be read", remedyOther}
	case !info.Mode().IsRegular():
		return &Fault{"is not a regular file", remedyOther}
	case info.Size() == 0:
		return nil
	}
	file, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return &Fault{"cannot be read", "let the service's user read and write it"}
	}
	defer func() { _ = file.Close() }()
	return checkStart(file)
}

// checkStart returns a fault for a file that holds something else than a trace.
func checkStart(file *os.File) *Fault {
	start := make([]byte, len(headerPrefix))
	n, _ := file.ReadAt(start, 0)
	if !IsTrace(start[:n]) {
		return &Fault{"holds something else than a trace", remedyOther}
	}
	return nil
}

// prepare locks an opened file, and makes it ready for whole lines. It returns the file's size.
func prepare(out *os.File) (int64, *Fault) {
	if unix.Flock(int(out.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return 0, &Fault{"is written by another process", "give each replica a file of its own"}
	}
	info, err := out.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return 0, &Fault{"is not a regular file", remedyOther}
	}
	if err := out.Chmod(0o600); err != nil {
		return 0, &Fault{"cannot be given the mode 0600", "let the service's user own it"}
	}
	if info.Size() == 0 {
		return 0, nil
	}
	if fault := checkStart(out); fault != nil {
		return 0, fault
	}
	last := make([]byte, 1)
	if _, err := out.ReadAt(last, info.Size()-1); err == nil && last[0] != '\n' {
		// The process before was killed while it wrote. Its last line is counted as unreadable.
		if _, err := out.Write([]byte{'\n'}); err != nil {
			return 0, &Fault{"cannot be written (" + causeOf(err) + ")", "free space for it"}
		}
		return info.Size() + 1, nil
	}
	return info.Size(), nil
}

// causeOf returns the system's error without the path.
func causeOf(err error) string {
	if of, ok := errors.AsType[*fs.PathError](err); ok {
		return of.Err.Error()
	}
	return err.Error()
}
