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

// Log takes what a service writes to its standard error, line by line. It is safe for concurrent
// use.
type Log struct {
	mu      sync.Mutex
	partial []byte
	lines   []Line
	grown   chan struct{} // closed, and made anew, at each line
}

// Line is one line of a log.
type Line struct {
	// Text is the line as it was written.
	Text string
	// Fields are its members, nil where it is no JSON object.
	Fields map[string]any
}

// NewLog makes an empty log.
func NewLog() *Log { return &Log{grown: make(chan struct{})} }

// Event is the line's word.
func (l Line) Event() string { return l.String("event") }

// String is a member that is a string, empty where there is none.
func (l Line) String(name string) string {
	text, _ := l.Fields[name].(string)
	return text
}

// Int is a member that is a number, 0 where there is none.
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
		_ = json.Unmarshal(line, &added.Fields) // what is no JSON has no fields
		l.lines = append(l.lines, added)
		l.partial = bytes.Clone(rest)
		close(l.grown)
		l.grown = make(chan struct{})
	}
}

// Lines are the whole lines so far.
func (l *Log) Lines() []Line {
	lines, _ := l.now()
	return lines
}

func (l *Log) now() ([]Line, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines[:len(l.lines):len(l.lines)], l.grown
}

// Of are the lines of an event so far.
func (l *Log) Of(event string) []Line {
	var found []Line
	for _, line := range l.Lines() {
		if line.Event() == event {
			found = append(found, line)
		}
	}
	return found
}

// Text is all that was written so far.
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

// Await returns the first line of the event, once it is there.
func (l *Log) Await(t testing.TB, event string) Line {
	t.Helper()
	return l.AwaitLine(t, event, func(line Line) bool { return line.Event() == event })
}

// AwaitLine returns the first line that matches, once it is there. What says what is waited for.
func (l *Log) AwaitLine(t testing.TB, what string, matches func(Line) bool) Line {
	t.Helper()
	line, found := l.await(matches, nil)
	require.True(t, found, "no line came: %s\n%s", what, l.Text())
	return line
}

// await waits for a line that matches, until given up or out of patience.
func (l *Log) await(matches func(Line) bool, givenUp <-chan struct{}) (Line, bool) {
	patience := time.NewTimer(Timeout)
	defer patience.Stop()
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
			// What was written before the end counts.
			for lines, _ = l.now(); seen < len(lines); seen++ {
				if matches(lines[seen]) {
					return lines[seen], true
				}
			}
			return Line{}, false
		case <-patience.C:
			return Line{}, false
		}
	}
}
