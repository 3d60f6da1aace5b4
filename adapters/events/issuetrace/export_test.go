package issuetrace

// SetMaxBytes sets the maximum size of a trace, and returns what sets it back.
func SetMaxBytes(bytes int64) func() {
	before := maxBytes
	maxBytes = bytes
	return func() { maxBytes = before }
}
