package issuetrace

import "github.com/offload/sessiond/ports"

// Output is what a trace is written to.
type Output = output

// Start begins a trace on an empty output.
func Start(out Output, limits ports.RecordedLimits, events ports.Events) *File {
	return start(out, 0, limits, events)
}

// SetMaxBytes sets the maximum size of a trace, and returns a function that restores it.
func SetMaxBytes(bytes int64) func() {
	before := maxBytes
	maxBytes = bytes
	return func() { maxBytes = before }
}

// SetMaxWaiting sets how many bytes may wait to be written, and returns a function that restores
// the number.
func SetMaxWaiting(bytes int) func() {
	before := maxWaiting
	maxWaiting = bytes
	return func() { maxWaiting = before }
}
