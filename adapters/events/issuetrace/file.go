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

// The bounds of a trace, in bytes. They are variables so that tests can lower them.
var (
	// maxBytes is the maximum size of the file.
	maxBytes int64 = 256 << 20
	// maxWaiting is how much may wait to be written.
	maxWaiting = 4 << 20
)

const (
	// writeAt is the number of waiting bytes that are written at once.
	writeAt = 64 << 10
	// writeEvery is how long fewer bytes wait at most.
	writeEvery = 250 * time.Millisecond
	// closeTimeout is how long Close waits for the last bytes to be written.
	closeTimeout = 2 * time.Second
)

// lostPrefix begins a line that holds the number of lines that were lost before it.
const lostPrefix = "lost "

// File is a trace that is being written. Lines are written in the background: a request never waits
// for the file system. Lines that do not fit into the buffer are lost and counted in the trace. A
// File is safe for concurrent use.
type File struct {
	out    output
	events ports.Events
	limit  int64 // of size

	mu      sync.Mutex
	waiting []byte // whole lines that are not written yet
	lost    int    // lines that no line of the trace counts yet
	size    int64  // of the file once waiting is written
	full    bool
	closed  bool

	off  atomic.Bool   // full, closed, or a write failed; read without mu
	wake chan struct{} // wakes run
	done chan struct{} // closed when run returns
}

// output is the part of os.File that a trace needs. Write appends.
type output interface {
	io.WriteCloser
	Truncate(size int64) error
}

// Open opens the trace name, or creates it with mode 0600, and begins a section of it for a process
// that checks limits. It fails with a *Fault, also if another process writes the trace. If the
// trace becomes full, or a write fails, events receives one ports.TraceFull. The caller must call
// Close.
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

// start begins a section of a trace that already has size bytes in out.
func start(out output, size int64, limits ports.RecordedLimits, events ports.Events) *File {
	f := &File{out: out, events: events, limit: maxBytes, size: size,
		wake: make(chan struct{}, 1), done: make(chan struct{})}
	f.append(formatHeader(limits))
	go f.run()
	return f
}

// stopped reports whether further lines are discarded.
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

// noteLost queues a line with the number of lines lost before it, if any were. The caller holds mu.
func (f *File) noteLost() {
	if f.lost > 0 && f.queue(fmt.Appendf(nil, "%s%d\n", lostPrefix, f.lost)) {
		f.lost = 0
	}
}

// queue appends line to the waiting lines, and reports whether the trace has room for it. The
// caller holds mu.
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

// notify wakes run. It does not block.
func (f *File) notify() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// run writes the waiting lines until the trace is full or closed, or a write fails. Then it closes
// the output.
func (f *File) run() {
	defer close(f.done)
	defer func() { _ = f.out.Close() }()
	ticker := time.NewTicker(writeEvery)
	defer ticker.Stop()
	var spare []byte // the buffer that was written last
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

// stop ends the trace and reports it with cause, which is nil if the trace is full. Only the first
// written bytes of the last lines were written: an incomplete line is cut off, so that the trace
// ends with a complete one.
func (f *File) stop(lines []byte, written int, cause error) {
	f.off.Store(true)
	whole := bytes.LastIndexByte(lines[:written], '\n') + 1
	f.mu.Lock()
	f.full = true
	f.size -= int64(len(lines) - whole + len(f.waiting)) // waiting was queued during the write
	size := f.size
	f.waiting = nil
	f.mu.Unlock()
	if cause != nil {
		_ = f.out.Truncate(size) // if this fails too, a reader counts the rest as a malformed line
		cause = fmt.Errorf("cannot write it: %s", causeOf(cause))
	}
	f.events.Record(context.Background(), ports.TraceFull{Bytes: size, Cause: cause})
}

// Close discards further lines and writes those that wait. It gives up after closeTimeout. It may
// be called more than once.
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
