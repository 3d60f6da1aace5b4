package redisserver

import (
	"bytes"
	"strings"
	"sync"
	"time"
)

// log is the output of a server since its last start. It implements io.Writer.
type log struct {
	mu    sync.Mutex
	text  bytes.Buffer
	grown chan struct{} // closed and replaced whenever text grows
}

func newLog() *log { return &log{grown: make(chan struct{})} }

// Write appends output of the server.
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

// await waits until the log contains words. It reports false where the server ended first, or after
// Timeout.
func (l *log) await(words string, ended <-chan struct{}) bool {
	deadline := time.After(Timeout)
	for {
		l.mu.Lock()
		found, grown := strings.Contains(l.text.String(), words), l.grown
		l.mu.Unlock()
		if found {
			return true
		}
		select {
		case <-grown:
		case <-ended:
			return strings.Contains(l.String(), words)
		case <-deadline:
			return false
		}
	}
}
