package bootstrap

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/offload/sessiond/adapters/accesslog"
	"github.com/offload/sessiond/adapters/cli"
	"github.com/offload/sessiond/adapters/events/issuetrace"
	"github.com/offload/sessiond/adapters/http/api"
	"github.com/offload/sessiond/adapters/system/lines"
	"github.com/offload/sessiond/bootstrap/config"
	"github.com/offload/sessiond/ports"
)

// The kinds of recordings.
const (
	sourceTrace = "trace"
	sourceLog   = "access log"
)

// reasonTooLong is the reason for an unreadable line in a file of either kind.
var reasonTooLong = fmt.Sprintf("longer than %d bytes", lines.MaxLength)

// startLength is how many bytes of a file are examined to find out its kind.
const startLength = 1024

// recording reads recorded requests from files, one after the other. It implements ports.Attempts
// and accesslog.Counts.
type recording struct {
	files  []recordedFile
	accept func(source string) error // called with the kind of the first file

	source     string
	unreadable map[string]int
	others     int

	open    *os.File
	readers struct {
		current ports.Attempts
		log     *accesslog.Reader
	}
	readable int   // readable lines of the file that is open
	late     int   // lines of earlier files whose time was too early
	read     int64 // bytes
	total    int64 // bytes of all files; 0 if unknown
	progress func(read, total int64)
}

// recordedFile is a file, or an input that is open already.
type recordedFile struct {
	name  string
	input io.Reader
}

// inputName is the name of the standard input in messages.
const inputName = "standard input"

// newRecording returns the recording that a simulation names. accept is called with the kind of the
// first file when that is known, and its error ends the reading.
func newRecording(wanted cli.Simulation, accept func(source string) error) (*recording, error) {
	r := &recording{unreadable: map[string]int{}, progress: wanted.Progress, accept: accept}
	for _, name := range wanted.Files {
		info, err := os.Stat(name)
		if err == nil && info.IsDir() {
			err = errors.New("is a directory")
		}
		if err != nil {
			return nil, &RecordingError{name, reasonOf(err)}
		}
		r.total += info.Size() // 0 for what is not a file: the total is then too small
		r.files = append(r.files, recordedFile{name: name})
	}
	if len(wanted.Files) == 0 {
		if file, ok := wanted.Input.(*os.File); ok {
			if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
				r.total = info.Size()
			}
		}
		r.files = append(r.files, recordedFile{name: inputName, input: wanted.Input})
	}
	return r, nil
}

// RecordingError reports recorded requests that cannot be read.
type RecordingError struct{ Name, Problem string }

// Error returns the name and the problem.
func (e *RecordingError) Error() string { return config.ShownPath(e.Name) + ": " + e.Problem }

// reasonOf returns the system's error without the path.
func reasonOf(err error) string {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return pathError.Err.Error()
	}
	return err.Error()
}

// Next implements ports.Attempts.
func (r *recording) Next(attempt *ports.Attempt) (bool, error) {
	for {
		if r.readers.current == nil {
			if len(r.files) == 0 {
				return false, nil
			}
			if err := r.begin(); err != nil {
				return false, err
			}
		}
		more, err := r.readers.current.Next(attempt)
		if err != nil {
			return false, &RecordingError{r.files[0].name, reasonOf(err)}
		}
		if more {
			r.readable++
			return true, nil
		}
		if err := r.end(); err != nil {
			return false, err
		}
	}
}

// begin opens the first of the remaining files, finds out its kind, and makes a reader for it.
func (r *recording) begin() error {
	file := r.files[0]
	if file.input == nil {
		opened, err := os.Open(file.name)
		if err != nil {
			return &RecordingError{file.name, reasonOf(err)}
		}
		r.open, file.input = opened, opened
	}
	found := lines.NewReader(&counting{file.input, r}, func() { r.Unreadable(reasonTooLong) })
	start, err := found.Start(startLength)
	if err != nil {
		return &RecordingError{file.name, reasonOf(err)}
	}
	source := sourceLog
	r.readable, r.late = 0, r.unreadable[accesslog.ReasonBackwards]
	switch {
	case len(start) == 0:
		return &RecordingError{file.name, "is empty"}
	case issuetrace.IsTrace(start):
		source = sourceTrace
		r.readable = 1 // the first line; a trace whose first line cannot be read is an error
		r.readers.current = issuetrace.NewReader(found, func(reason string, count int) {
			r.unreadable[reason] += count
		})
	case issuetrace.HasLines(start):
		return &RecordingError{file.name, "is a part of a trace: the line with its limits, which " +
			"is the first, is missing"}
	case isCompressed(start):
		return &RecordingError{file.name, "is compressed: pipe it through zcat or the like"}
	}
	switch {
	case r.source == "":
		if err := r.accept(source); err != nil {
			return err
		}
		r.source = source
	case r.source != source:
		return &RecordingError{file.name, "is of another kind than the file before it: give " +
			"traces or access logs"}
	}
	if source == sourceLog {
		r.readLog(found)
	}
	return nil
}

// readLog makes the reader of access logs continue with a file: one reader reads all of them.
func (r *recording) readLog(found *lines.Reader) {
	if r.readers.log == nil {
		r.readers.log = accesslog.NewReader(accesslog.Rules{Path: api.PathIssue,
			IPv6Prefix: config.DefaultIPv6Prefix(), Window: config.DefaultWindow()}, found, r)
	} else {
		r.readers.log.Continue(found)
	}
	r.readers.current = r.readers.log
}

// end closes the file that is open.
func (r *recording) end() error {
	name := r.files[0].name
	r.files = r.files[1:]
	r.readers.current = nil
	if r.open != nil {
		_ = r.open.Close()
		r.open = nil
	}
	switch {
	case r.readable > 0:
		return nil
	case r.unreadable[accesslog.ReasonBackwards] > r.late:
		return &RecordingError{name, "is older than the file before it: give the oldest first"}
	default:
		return &RecordingError{name, "has no line that can be read: it must be a trace that " +
			"sessiond wrote, or an access log of nginx or Caddy, combined or JSON"}
	}
}

// isCompressed reports whether start is the beginning of a gzip, Zstandard, xz or bzip2 file.
func isCompressed(start []byte) bool {
	return slices.ContainsFunc([]string{"\x1f\x8b", "\x28\xb5\x2f\xfd", "\xfd7zXZ\x00", "BZh"},
		func(magic string) bool { return bytes.HasPrefix(start, []byte(magic)) })
}

// Unreadable implements accesslog.Counts.
func (r *recording) Unreadable(reason string) { r.unreadable[reason]++ }

// Other implements accesslog.Counts.
func (r *recording) Other() {
	r.readable++
	r.others++
}

// counting is a file of a recording. It counts the bytes that are read from it, for the progress
// bar.
type counting struct {
	from      io.Reader
	recording *recording
}

// Read implements io.Reader.
func (c *counting) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.recording.read += int64(n)
	if c.recording.progress != nil {
		c.recording.progress(c.recording.read, c.recording.total)
	}
	return n, err
}
