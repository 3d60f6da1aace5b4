package logs

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxQueued is how many lines may wait to be written.
	maxQueued = 4096
	// flushTimeout is how long Close waits for them.
	flushTimeout = 2 * time.Second
)

// Output writes lines in the background, so that logging never waits for the reader of the output:
// a pipe that is no longer read would otherwise block every request that logs something. Lines that
// do not fit into the queue, and lines that cannot be written because the reader has gone, are
// dropped. Their number is written in a line of its own once lines can be written again. An Output
// is safe for concurrent use.
type Output struct {
	to    io.Writer
	lines chan []byte
	// dropped counts the lines that were dropped, and reported those of them that a line of the log
	// has reported. Only run changes reported.
	dropped, reported atomic.Int64
	done              chan struct{}

	// closing lets Close wait for the calls of Write that have seen closed unset.
	closing sync.RWMutex
	closed  bool
}

// NewOutput returns an Output that writes to the writer to until Close. The process must ignore
// SIGPIPE if to is one of its standard files.
func NewOutput(to io.Writer) *Output {
	o := &Output{to: to, lines: make(chan []byte, maxQueued), done: make(chan struct{})}
	go o.run()
	return o
}

// Write implements io.Writer. It queues one line, returns at once and never fails. After Close,
// lines are dropped.
func (o *Output) Write(line []byte) (int, error) {
	o.closing.RLock()
	defer o.closing.RUnlock()
	if o.closed {
		o.dropped.Add(1)
		return len(line), nil
	}
	select {
	case o.lines <- append([]byte(nil), line...):
	default:
		o.dropped.Add(1)
	}
	return len(line), nil
}

// Dropped returns how many lines were dropped.
func (o *Output) Dropped() int64 { return o.dropped.Load() }

// Missing returns how many dropped lines no line of the log reports yet. More than 0 means that the
// reader of the log has gone, or that it is too slow at the moment.
func (o *Output) Missing() int64 { return max(o.dropped.Load()-o.reported.Load(), 0) }

// run writes the queued lines until Close.
func (o *Output) run() {
	defer close(o.done)
	for line := range o.lines {
		if _, err := o.to.Write(line); err != nil {
			o.dropped.Add(1) // the error cannot be reported: this is the log
			continue
		}
		o.reportDropped()
	}
}

// reportDropped writes how many lines were dropped since the last report, if any were.
func (o *Output) reportDropped() {
	dropped := o.dropped.Load()
	reported := o.reported.Load()
	if dropped == reported {
		return
	}
	_, err := fmt.Fprintf(o.to, `{"level":"WARN","event":"log_lines_left_out","count":%d}`+"\n",
		dropped-reported)
	if err == nil {
		o.reported.Store(dropped)
	}
}

// Close writes the queued lines, and gives up after flushTimeout.
func (o *Output) Close() {
	o.closing.Lock()
	if !o.closed {
		o.closed = true
		close(o.lines)
	}
	o.closing.Unlock()
	timer := time.NewTimer(flushTimeout)
	defer timer.Stop()
	select {
	case <-o.done:
	case <-timer.C:
	}
}
