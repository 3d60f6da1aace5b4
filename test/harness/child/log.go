package child

import (
	"bytes"
	"strings"
	"sync"
	"time"
)

// log is the output of a process. It implements io.Writer, and is safe for concurrent use.
type log struct {
	mu    sync.Mutex
	text  bytes.Buffer
	grown chan struct{} // closed and replaced whenever text grows
}

func newLog() *log { return &log{grown: make(chan struct{})} }

// Write appends output of the process.
func (l *log) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(text)
	close(l.grown)
	l.grown = make(chan struct{})
	return len(text), nil
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Wrote waits until the process has written words. It returns false if the process ends first, or
// after the timeout.
func (p *Process) Wrote(words string, timeout time.Duration) bool {
	deadline := time.After(timeout)
	l := p.log
	for {
		l.mu.Lock()
		found, grown := strings.Contains(l.text.String(), words), l.grown
		l.mu.Unlock()
		if found {
			return true
		}
		select {
		case <-grown:
		case <-p.Ended:
			return strings.Contains(l.String(), words)
		case <-deadline:
			return false
		}
	}
}
