// Package securefile reads files that may hold secrets.
//
// It opens a file without waiting for a writer and without an effect on a device, and bounds the
// size of the file and the time to read it. Every problem with a file is a Fault with a stable
// reason and a remedy. No fault contains the content or the name of a file. The package imports the
// standard library and x/sys.
package securefile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// A read starts over up to maxRaces times, each racePause later, if the file was replaced
// meanwhile.
const (
	maxRaces  = 10
	racePause = time.Millisecond
)

// readTimeout bounds reading a file, in whole seconds. Some regular files of the kernel, such as
// /proc/kmsg, have no end: reading them waits for more.
const readTimeout = 5 * time.Second

// FileSystem opens files by name: Host, or one directory (os.Root).
type FileSystem interface {
	Stat(name string) (fs.FileInfo, error)
	OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error)
}

// Host is the complete file system of the host.
type Host struct{}

// Stat implements FileSystem.
func (Host) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }

// OpenFile implements FileSystem.
func (Host) OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error) {
	return os.OpenFile(name, flag, perm)
}

// File is the content of a file that was read.
type File struct {
	Content []byte
	// Info describes the file that was read, even if its name refers to another file later.
	Info fs.FileInfo
	name string
	// named is false if no name is left for the file. It is true if the file system does not count
	// names and reports 0 for every file.
	named bool
}

// Read reads the regular file name, of at most limit bytes, following symbolic links. It never
// waits for a writer, as opening a pipe would. It may wait for the file system without bound, so
// callers that must not wait run it in a goroutine, as package follow does. It fails with a *Fault.
func Read(name string, limit int64) (*File, error) {
	for races := 0; ; races++ {
		file, replaced, err := readOnce(name, limit)
		if err != nil {
			return nil, err
		}
		if !replaced || races == maxRaces {
			return file, nil
		}
		time.Sleep(racePause)
	}
}

// readOnce reads a file once, and reports whether it was replaced meanwhile: no name is left for
// it. If so, name refers to the new file, or will in a moment: while a file is renamed, its path
// may lead to the one before, which has no name any more. It does so for longer only through a
// mount of that file.
func readOnce(name string, limit int64) (file *File, replaced bool, err error) {
	opened, _, err := Open(Host{}, name)
	if err != nil {
		return nil, false, err
	}
	// Closed at the end: until then, no other file gets the file's number, by which they are
	// compared.
	defer func() { _ = opened.Close() }()
	content, err := Content(opened, limit)
	if err != nil {
		return nil, false, err
	}
	after, err := opened.Stat()
	if err != nil {
		return nil, false, faultOf(err)
	}
	file = &File{Content: content, Info: after, name: name, named: true}
	if !unlinked(after) || !countsLinks(name) {
		return file, false, nil
	}
	now, err := os.Stat(name)
	file.named = err != nil || !os.SameFile(now, after)
	return file, true, nil
}

// Open opens a regular file for reading. The returned info describes the opened file, even if its
// name refers to another file later. It fails with a *Fault.
func Open(in FileSystem, name string) (*os.File, fs.FileInfo, error) {
	// Anything but a regular file is refused without opening it, because opening some devices has
	// an effect. The name may refer to something else by the time that it is opened, so it is
	// opened without blocking and without becoming the controlling terminal, and checked again.
	info, err := in.Stat(name)
	if err != nil {
		return nil, nil, faultOf(err)
	}
	if !info.Mode().IsRegular() {
		return nil, nil, faultNotRegular.copy()
	}
	file, err := in.OpenFile(name,
		os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, faultOf(err)
	}
	info, err = file.Stat()
	switch {
	case err != nil:
		_ = file.Close()
		return nil, nil, faultOf(err)
	case !info.Mode().IsRegular():
		_ = file.Close()
		return nil, nil, faultNotRegular.copy()
	}
	return file, info, nil
}

// Content reads an opened file of at most limit bytes to its end, within readTimeout. It fails with
// a *Fault.
func Content(file *os.File, limit int64) ([]byte, error) {
	return contentWithin(file, limit, readTimeout)
}

// contentWithin implements Content with a timeout in whole seconds.
func contentWithin(file *os.File, limit int64, timeout time.Duration) ([]byte, error) {
	// The error is ignored: files that do not support deadlines have an end.
	_ = file.SetReadDeadline(time.Now().Add(timeout))
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, TooSlowFault(int(timeout / time.Second))
	case err != nil:
		return nil, faultOf(err)
	case int64(len(content)) > limit:
		return nil, tooLarge(limit)
	}
	return content, nil
}
