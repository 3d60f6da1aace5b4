package redisserver

import (
	"bytes"
	"strings"
	"sync"
	"time"
)

// log is what a server says, from its last start on.
type log struct {
	mu    sync.Mutex
	text  bytes.Buffer
	grown chan struct{} // closed, and made anew, whenever text grows
}

func newLog() *log { return &log{grown: make(chan struct{})} }

// Write takes in what the server says.
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

// await waits until the log holds words, and reports whether it did before the server ended.
func (l *log) await(words string, ended <-chan struct{}) bool {
	late := time.After(Timeout)
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
		case <-late:
			return false
		}
	}
}
