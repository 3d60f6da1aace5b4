package issuetrace

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// maxBytes is the maximum size of a trace. It is a variable for tests.
var maxBytes int64 = 256 << 20

// How much may wait to be written, how often it is written, and how long Close waits for it.
const (
	maxWaiting   = 4 << 20
	writeAt      = 64 << 10
	writeEvery   = 250 * time.Millisecond
	closeTimeout = 2 * time.Second
)

// lostPrefix begins a line that says how many lines before it could not be kept.
const lostPrefix = "lost "

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

// File is a trace that is being written. Lines are written in the background: a request never waits
// for the file system. Lines that do not fit into the buffer are lost and counted in the trace.
type File struct {
	out    *os.File
	events ports.Events
	limit  int64

	mu      sync.Mutex
	waiting []byte
	lost    int
	size    int64 // with what waits
	full    bool
	closed  bool

	off  atomic.Bool // full, closed or broken
	wake chan struct{}
	done chan struct{}
}

// Open opens a trace, or creates it with mode 0600, and begins a section of it for a process that
// checks limits. It fails with a *Fault. Only one process at a time may write a trace.
func Open(name string, limits ports.RecordedLimits, events ports.Events) (*File, error) {
	if fault := Check(name); fault != nil {
		return nil, fault
	}
	out, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND|syscall.O_NONBLOCK|
		syscall.O_NOCTTY|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, &Fault{"cannot be opened for writing (" + causeOf(err) + ")",
			"let the service's user write it"}
	}
	size, fault := prepare(out)
	if fault != nil {
		_ = out.Close()
		return nil, fault
	}
	f := &File{out: out, events: events, limit: maxBytes, size: size,
		wake: make(chan struct{}, 1), done: make(chan struct{})}
	f.append(formatHeader(limits))
	go f.run()
	return f, nil
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

// stopped reports whether no more lines are written.
func (f *File) stopped() bool { return f.off.Load() }

// write queues the line of one decision. It never waits for the file.
func (f *File) write(at throttle.Instant, wall time.Time, checks *throttle.Checks,
	decision *throttle.Decision) {
	var line [256]byte
	f.append(appendLine(line[:0], at, wall, checks, decision))
}

// append queues one line, unless the trace is full or closed.
func (f *File) append(line []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.full || f.closed:
		return
	case len(f.waiting)+len(line) > maxWaiting:
		f.lost++
		return
	}
	if f.lost > 0 {
		note := append(strconv.AppendInt([]byte(lostPrefix), int64(f.lost), 10), '\n')
		line = append(bytes.Clone(note), line...)
	}
	if f.size+int64(len(line)) > f.limit {
		f.full = true
		f.off.Store(true)
		f.notify()
		return
	}
	f.lost = 0
	f.waiting = append(f.waiting, line...)
	f.size += int64(len(line))
	if len(f.waiting) >= writeAt {
		f.notify()
	}
}

func (f *File) notify() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// run writes what waits, until the trace is full or closed.
func (f *File) run() {
	defer close(f.done)
	defer func() { _ = f.out.Close() }()
	ticker := time.NewTicker(writeEvery)
	defer ticker.Stop()
	var spare []byte
	for {
		select {
		case <-f.wake:
		case <-ticker.C:
		}
		f.mu.Lock()
		lines, full, closed := f.waiting, f.full, f.closed
		f.waiting = spare[:0]
		f.mu.Unlock()
		n, err := f.out.Write(lines)
		spare = lines
		switch {
		case err != nil:
			f.stop(n, len(lines), err)
			return
		case full:
			f.stop(n, n, nil)
			return
		case closed:
			return
		}
	}
}

// stop ends the trace and reports why. Of the last lines only a part may have been written: it is
// cut off, so that the trace ends with a whole line.
func (f *File) stop(written, wanted int, cause error) {
	f.off.Store(true)
	f.mu.Lock()
	f.full = true
	f.size -= int64(wanted)
	size := f.size
	f.waiting = nil
	f.mu.Unlock()
	if cause != nil {
		_ = f.out.Truncate(size) // best effort: what is left is counted as an unreadable line
		cause = fmt.Errorf("cannot write it: %s", causeOf(cause))
	} else {
		size += int64(written)
	}
	f.events.Record(context.Background(), ports.TraceFull{Bytes: size, Cause: cause})
}

// Close writes what waits, and gives up after closeTimeout.
func (f *File) Close() {
	f.off.Store(true)
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.notify()
	timer := time.NewTimer(closeTimeout)
	defer timer.Stop()
	select {
	case <-f.done:
	case <-timer.C:
	}
}
