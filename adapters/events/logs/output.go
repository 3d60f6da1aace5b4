package logs

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// How many lines may wait to be written, and how long Close waits for them.
const (
	maxQueued    = 4096
	flushTimeout = 2 * time.Second
)

// Output writes lines in the background, so that logging never waits for the reader of the output:
// a pipe that is no longer read would otherwise hold up every request that logs something. Lines
// that do not fit into the queue are dropped, and their number is written in a line of its own.
type Output struct {
	to      io.Writer
	lines   chan []byte
	dropped atomic.Int64
	done    chan struct{}

	closing sync.RWMutex
	closed  bool
}

// NewOutput returns an Output that writes to the writer until Close.
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
		return len(line), nil
	}
	select {
	case o.lines <- append([]byte(nil), line...):
	default:
		o.dropped.Add(1)
	}
	return len(line), nil
}

func (o *Output) run() {
	defer close(o.done)
	for line := range o.lines {
		_, _ = o.to.Write(line) // an error cannot be reported: this is the log
		if count := o.dropped.Swap(0); count > 0 {
			_, _ = fmt.Fprintf(o.to, `{"level":"WARN","event":"log_lines_left_out","count":%d}`+
				"\n", count)
		}
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
