package issuetrace

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"github.com/offload/sessiond/ports"
)

// Lines yields the lines of a file, without their line breaks. It returns false at the end. A line
// is valid until the next call.
type Lines interface {
	Next() (line []byte, more bool, err error)
}

// The reasons why a line cannot be read.
const (
	ReasonMalformed = "malformed line"
	ReasonLost      = "line that the service could not keep"
)

// Reader reads a trace. It implements ports.Attempts.
type Reader struct {
	lines   Lines
	skipped func(reason string, count int)
	limits  ports.RecordedLimits
	begins  *ports.RecordedLimits
	began   bool
}

// NewReader returns a reader of lines. It calls skipped for those that it cannot read.
func NewReader(lines Lines, skipped func(reason string, count int)) *Reader {
	return &Reader{lines: lines, skipped: skipped}
}

// Next implements ports.Attempts. It fails for a trace of another version.
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
		if !r.began {
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
			// A header may follow a part of a line, where one trace was cut and another appended.
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

// begin reads a header. After one that is damaged, and not the first, a process begins all the
// same: its limits are taken to be those of the process before.
func (r *Reader) begin(line []byte) error {
	limits, err := parseHeader(line)
	switch {
	case err != nil && r.began && errors.Is(err, errHeader):
		r.skipped(ReasonMalformed, 1)
		limits = r.limits
	case err != nil:
		return err
	}
	r.limits, r.began = limits, true
	r.begins = &limits
	return nil
}
