package issuetrace

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"github.com/offload/sessiond/ports"
)

// Lines is a source of the lines of a file.
type Lines interface {
	// Next returns the next line without its line break, or false at the end. The line is valid
	// until the next call.
	Next() (line []byte, more bool, err error)
}

// The reasons why a Reader skips a line.
const (
	// ReasonMalformed is for a line that is not one of a trace.
	ReasonMalformed = "malformed line"
	// ReasonLost is for a line that the writer counted but did not write.
	ReasonLost = "line that the service could not keep"
)

// Reader reads a trace. It implements ports.Attempts.
type Reader struct {
	lines     Lines
	skipped   func(reason string, count int)
	limits    ports.RecordedLimits  // of the last header
	hasHeader bool                  // limits is set
	begins    *ports.RecordedLimits // limits, until an attempt is returned with them
}

// NewReader returns a reader of lines. It calls skipped with a reason and a number of lines for
// those that it skips.
func NewReader(lines Lines, skipped func(reason string, count int)) *Reader {
	return &Reader{lines: lines, skipped: skipped}
}

// Next implements ports.Attempts. It fails with a *VersionError for a trace of another version, if
// the first header is damaged, and with the errors of the lines.
func (r *Reader) Next(attempt *ports.Attempt) (bool, error) {
	for {
		line, more, err := r.lines.Next()
		if err != nil || !more {
			return false, err
		}
		if IsTrace(line) {
			if err := r.begin(line); err != nil {
				return false, err
			}
			continue
		}
		if !r.hasHeader {
			r.skipped(ReasonMalformed, 1)
			continue
		}
		if count, isLost := strings.CutPrefix(string(line), lostPrefix); isLost {
			if n, err := strconv.Atoi(count); err == nil && n > 0 {
				r.skipped(ReasonLost, n)
				continue
			}
		}
		found, err := parseLine(string(line), r.limits)
		if err != nil {
			r.skipped(ReasonMalformed, 1)
			// A header may follow an incomplete line if one trace was appended to another.
			if at := bytes.Index(line, []byte(headerPrefix)); at > 0 {
				if err := r.begin(line[at:]); err != nil {
					return false, err
				}
			}
			continue
		}
		*attempt = found
		attempt.Begins, r.begins = r.begins, nil
		return true, nil
	}
}

// begin reads a header. A damaged header that is not the first begins a process too, whose limits
// are assumed to be those of the previous one: grants before it must not count after it.
func (r *Reader) begin(line []byte) error {
	limits, err := parseHeader(line)
	switch {
	case err != nil && r.hasHeader && errors.Is(err, errHeader):
		r.skipped(ReasonMalformed, 1)
		limits = r.limits
	case err != nil:
		return err
	}
	r.limits, r.hasHeader = limits, true
	r.begins = &limits
	return nil
}
