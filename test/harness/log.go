package harness

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Log collects what a service writes to standard error, line by line. It is safe for concurrent
// use.
type Log struct {
	mu      sync.Mutex
	partial []byte
	lines   []Line
	grown   chan struct{} // closed and replaced at each line
}

// Line is one line of a log.
type Line struct {
	// Text is the line without its line feed.
	Text string
	// Fields holds the members of the line's JSON object, or nil if the line is not one.
	Fields map[string]any
}

// NewLog returns an empty log.
func NewLog() *Log { return &Log{grown: make(chan struct{})} }

// Event returns the name of the line's event.
func (l Line) Event() string { return l.String("event") }

// String returns a member that is a string, or an empty string if there is none.
func (l Line) String(name string) string {
	text, _ := l.Fields[name].(string)
	return text
}

// Int returns a member that is a number, or 0 if there is none.
func (l Line) Int(name string) int {
	number, _ := l.Fields[name].(float64)
	return int(number)
}

// Write implements io.Writer.
func (l *Log) Write(data []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.partial = append(l.partial, data...)
	for {
		line, rest, whole := bytes.Cut(l.partial, []byte("\n"))
		if !whole {
			return len(data), nil
		}
		added := Line{Text: string(line)}
		_ = json.Unmarshal(line, &added.Fields) // a line that is not JSON has no fields
		l.lines = append(l.lines, added)
		l.partial = bytes.Clone(rest)
		close(l.grown)
		l.grown = make(chan struct{})
	}
}

// Lines returns the complete lines so far.
func (l *Log) Lines() []Line {
	lines, _ := l.now()
	return lines
}

func (l *Log) now() ([]Line, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines[:len(l.lines):len(l.lines)], l.grown
}

// Of returns the lines of an event so far.
func (l *Log) Of(event string) []Line {
	var found []Line
	for _, line := range l.Lines() {
		if line.Event() == event {
			found = append(found, line)
		}
	}
	return found
}

// Text returns everything written so far.
func (l *Log) Text() string {
	var text strings.Builder
	for _, line := range l.Lines() {
		text.WriteString(line.Text)
		text.WriteByte('\n')
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	text.Write(l.partial)
	return text.String()
}

// Await waits for the first line of an event and returns it.
func (l *Log) Await(t testing.TB, event string) Line {
	t.Helper()
	return l.AwaitLine(t, event, func(line Line) bool { return line.Event() == event })
}

// AwaitLine waits for the first line that matches and returns it. The failure message includes
// what.
func (l *Log) AwaitLine(t testing.TB, what string, matches func(Line) bool) Line {
	t.Helper()
	line, found := l.await(matches, nil)
	require.True(t, found, "timed out waiting for a log line: %s\n%s", what, l.Text())
	return line
}

// AwaitCount waits until an event has been logged count times, and returns the last of these lines.
func (l *Log) AwaitCount(t testing.TB, event string, count int) Line {
	t.Helper()
	seen := 0
	return l.AwaitLine(t, event, func(line Line) bool {
		if line.Event() == event {
			seen++
		}
		return seen == count
	})
}

// await waits for a line that matches, until givenUp is closed or Timeout has passed.
func (l *Log) await(matches func(Line) bool, givenUp <-chan struct{}) (Line, bool) {
	timer := time.NewTimer(Timeout)
	defer timer.Stop()
	for seen := 0; ; {
		lines, grown := l.now()
		for ; seen < len(lines); seen++ {
			if matches(lines[seen]) {
				return lines[seen], true
			}
		}
		select {
		case <-grown:
		case <-givenUp:
			// Lines written before givenUp was closed count.
			for lines, _ = l.now(); seen < len(lines); seen++ {
				if matches(lines[seen]) {
					return lines[seen], true
				}
			}
			return Line{}, false
		case <-timer.C:
			return Line{}, false
		}
	}
}
