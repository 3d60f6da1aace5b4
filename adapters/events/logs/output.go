package logs

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// How many lines may wait to be written, and how long a stop waits for them.
const (
	maxWaiting = 4096
	flushFor   = 2 * time.Second
)

// Output writes lines in the background. Whoever logs never waits for what is at the other end: a pipe that nobody reads any more would otherwise hold
// up every request that has something to say. Lines for which there is no room are left out, and counted in a line of their own.
type Output struct {
	to      io.Writer
	lines   chan []byte
	leftOut atomic.Int64
	ended   chan struct{}

	closing sync.RWMutex
	closed  bool
}

// NewOutput starts to write to the writer, until Close.
func NewOutput(to io.Writer) *Output {
	o := &Output{to: to, lines: make(chan []byte, maxWaiting), ended: make(chan struct{})}
	go o.run()
	return o
}

// Write is io.Writer's, of one line. It returns at once and never fails. After Close, lines are left out.
func (o *Output) Write(line []byte) (int, error) {
	o.closing.RLock()
	defer o.closing.RUnlock()
	if o.closed {
		return len(line), nil
	}
	select {
	case o.lines <- append([]byte(nil), line...):
	default:
		o.leftOut.Add(1)
	}
	return len(line), nil
}

func (o *Output) run() {
	defer close(o.ended)
	for line := range o.lines {
		_, _ = o.to.Write(line) // there is nobody else to tell
		if count := o.leftOut.Swap(0); count > 0 {
			_, _ = fmt.Fprintf(o.to, `{"level":"WARN","event":"log_lines_left_out","count":%d}`+
				"\n", count)
		}
	}
}

// Close writes what waits, for as long as a stop can wait for it.
func (o *Output) Close() {
	o.closing.Lock()
	if !o.closed {
		o.closed = true
		close(o.lines)
	}
	o.closing.Unlock()
	timer := time.NewTimer(flushFor)
	defer timer.Stop()
	select {
	case <-o.ended:
	case <-timer.C:
	}
}
