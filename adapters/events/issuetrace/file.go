package issuetrace

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// The maximum size of a trace, and how much may wait to be written. They are variables for tests.
var (
	maxBytes   int64 = 256 << 20
	maxWaiting       = 4 << 20
)

// How much is written at once, how often it is written, and how long Close waits for it.
const (
	writeAt      = 64 << 10
	writeEvery   = 250 * time.Millisecond
	closeTimeout = 2 * time.Second
)

// lostPrefix begins a line that says how many lines before it could not be kept.
const lostPrefix = "lost "

// File is a trace that is being written. Lines are written in the background: a request never waits
// for the file system. Lines that do not fit into the buffer are lost and counted in the trace.
type File struct {
	out    output
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

// output is what a trace is written to.
type output interface {
	io.WriteCloser
	Truncate(size int64) error
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
	return start(out, size, limits, events), nil
}

// start begins a section of a trace, of which out has size bytes.
func start(out output, size int64, limits ports.RecordedLimits, events ports.Events) *File {
	f := &File{out: out, events: events, limit: maxBytes, size: size,
		wake: make(chan struct{}, 1), done: make(chan struct{})}
	f.append(formatHeader(limits))
	go f.run()
	return f
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
	f.noteLost()
	if !f.queue(line) {
		f.full = true
		f.off.Store(true)
		f.notify()
	}
}

// noteLost queues the line that counts the lost ones before it.
func (f *File) noteLost() {
	if f.lost > 0 && f.queue(fmt.Appendf(nil, "%s%d\n", lostPrefix, f.lost)) {
		f.lost = 0
	}
}

// queue makes a line wait to be written. It returns false if the trace has no room for it.
func (f *File) queue(line []byte) bool {
	if f.size+int64(len(line)) > f.limit {
		return false
	}
	f.waiting = append(f.waiting, line...)
	f.size += int64(len(line))
	if len(f.waiting) >= writeAt {
		f.notify()
	}
	return true
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
		full, closed := f.full, f.closed
		if full || closed {
			f.noteLost()
		}
		lines := f.waiting
		f.waiting = spare[:0]
		f.mu.Unlock()
		n, err := f.out.Write(lines)
		spare = lines
		switch {
		case err != nil:
			f.stop(lines, n, err)
			return
		case full:
			f.stop(lines, n, nil)
			return
		case closed:
			return
		}
	}
}

// stop ends the trace and reports why. Of the last lines, so many bytes were written: a part of a
// line is cut off, so that the trace ends with a whole one.
func (f *File) stop(lines []byte, written int, cause error) {
	f.off.Store(true)
	whole := bytes.LastIndexByte(lines[:written], '\n') + 1
	f.mu.Lock()
	f.full = true
	f.size -= int64(len(lines) - whole + len(f.waiting)) // and what was queued meanwhile
	size := f.size
	f.waiting = nil
	f.mu.Unlock()
	if cause != nil {
		_ = f.out.Truncate(size) // best effort: what is left is counted as an unreadable line
		cause = fmt.Errorf("cannot write it: %s", causeOf(cause))
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
