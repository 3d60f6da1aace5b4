package issuetrace

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// Fault describes why a file cannot hold a trace, and what the operator can do. Problem continues a
// sentence that begins with the name of the file. Neither text holds that name.
type Fault struct{ Problem, Remedy string }

// Error implements error.
func (f *Fault) Error() string { return f.Problem + ": " + f.Remedy }

// remedyOther is the remedy if the file is needed for something else.
const remedyOther = "name a file that does not exist yet, or a trace that sessiond wrote"

// Check returns why the file name cannot hold a trace, or nil if it finds no fault. It neither
// creates the file nor opens it for writing, so Open may still fail, for example because another
// process writes the file.
func Check(name string) *Fault {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// The file is created by Open, so only its directory is checked.
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

// checkStart returns a fault if file does not begin like a trace.
func checkStart(file *os.File) *Fault {
	start := make([]byte, len(headerPrefix))
	n, _ := file.ReadAt(start, 0)
	if !IsTrace(start[:n]) {
		return &Fault{"holds something else than a trace", remedyOther}
	}
	return nil
}

// prepare locks an opened file, restricts its mode to 0600, and ends an incomplete last line. It
// returns the size of the file in bytes.
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
		// The previous process was killed while it wrote. A reader counts its last line as
		// malformed.
		if _, err := out.Write([]byte{'\n'}); err != nil {
			return 0, &Fault{"cannot be written (" + causeOf(err) + ")", "free space for it"}
		}
		return info.Size() + 1, nil
	}
	return info.Size(), nil
}

// causeOf returns the text of an error of the system without the path.
func causeOf(err error) string {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return pathError.Err.Error()
	}
	return err.Error()
}
