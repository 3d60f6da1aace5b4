package issuetrace

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// version is the version of the format that this package writes and reads.
const version = 1

// headerPrefix begins the header of each process: the first line of every trace, and the line after
// which another process wrote.
const headerPrefix = `{"sessiond_trace":`

// The outcomes of a line. The name of the dimension that refused follows outcomeRefused and a
// colon.
const (
	outcomeGranted   = "granted"
	outcomeRefused   = "refused"
	outcomeUndecided = "undecided"
)

// header is the JSON object that begins a process: the limits that it checked, and their mode.
type header struct {
	Version       int            `json:"sessiond_trace"`
	Mode          string         `json:"mode"`
	WindowSeconds int            `json:"window_seconds"`
	Limits        map[string]int `json:"limits"`
}

// VersionError reports a trace in a version of the format that this package does not read.
type VersionError struct {
	// Version is that of the trace.
	Version int
}

// Error implements error.
func (e *VersionError) Error() string {
	return fmt.Sprintf("the trace has version %d of the format, and this sessiond reads version %d",
		e.Version, version)
}

// IsTrace reports whether a file that begins with start is a trace.
func IsTrace(start []byte) bool { return bytes.HasPrefix(start, []byte(headerPrefix)) }

// anyLine matches the part of a line that tells it from the lines of other logs.
var anyLine = regexp.MustCompile(`(?m)^\d+ \d+ (?:granted|refused:[a-z_]+|undecided) [a-z_]+=`)

// HasLines reports whether text contains a line of a trace. It helps to recognize a part of a trace
// that lacks the header.
func HasLines(text []byte) bool { return anyLine.Match(text) }

// The largest numbers that are valid in a trace, so that sums of instants and windows do not
// overflow.
const (
	maxNumber      = math.MaxInt32 // a limit, or the seconds of a window
	maxNanoseconds = 1 << 62       // an instant on either clock
)

// formatHeader returns the header of a process that checks limits, with its line break.
func formatHeader(limits ports.RecordedLimits) []byte {
	h := header{Version: version, Mode: limits.Mode.String(),
		WindowSeconds: int(limits.Window / time.Second), Limits: map[string]int{}}
	for _, dimension := range throttle.Dimensions() {
		h.Limits[dimension.String()] = limits.Limits.Of(dimension)
	}
	line, err := json.Marshal(h)
	if err != nil {
		panic("issuetrace: " + err.Error()) // impossible: numbers and fixed words
	}
	return append(line, '\n')
}

var errHeader = errors.New("the first line of the trace is damaged")

// parseHeader reads a line that begins with headerPrefix. It fails with errHeader or a
// *VersionError.
func parseHeader(line []byte) (ports.RecordedLimits, error) {
	var found struct {
		Version int `json:"sessiond_trace"`
	}
	if err := json.Unmarshal(line, &found); err != nil {
		return ports.RecordedLimits{}, errHeader
	}
	if found.Version != version {
		return ports.RecordedLimits{}, &VersionError{Version: found.Version}
	}
	var h header
	if err := json.Unmarshal(line, &h); err != nil || h.WindowSeconds < 1 ||
		h.WindowSeconds > maxNumber || len(h.Limits) == 0 {
		return ports.RecordedLimits{}, errHeader
	}
	limits := ports.RecordedLimits{Window: time.Duration(h.WindowSeconds) * time.Second}
	for name, limit := range h.Limits {
		dimension, ok := throttle.DimensionOf(name)
		if !ok || limit < 0 || limit > maxNumber {
			return ports.RecordedLimits{}, errHeader
		}
		limits.Limits[dimension] = limit
	}
	for _, mode := range ports.ThrottleModes() {
		if mode.String() == h.Mode {
			limits.Mode = mode
			return limits, nil
		}
	}
	return ports.RecordedLimits{}, errHeader
}

// appendLine appends one line to to: the instant of the decision and the wall-clock time, both in
// nanoseconds, the outcome, and for each check the name of its dimension and its subject.
func appendLine(to []byte, at throttle.Instant, wall time.Time, checks *throttle.Checks,
	decision *throttle.Decision) []byte {
	to = strconv.AppendInt(to, int64(at), 10)
	to = append(to, ' ')
	to = strconv.AppendInt(to, wall.UnixNano(), 10)
	to = append(to, ' ')
	switch refusal, refused := decision.Refusal(); {
	case !decision.Decided():
		to = append(to, outcomeUndecided...)
	case refused:
		to = append(to, outcomeRefused+":"+refusal.Dimension.String()...)
	default:
		to = append(to, outcomeGranted...)
	}
	for i := range checks.Len() {
		check := checks.At(i)
		to = append(append(append(to, ' '), check.Dimension.String()...), '=')
		to = base64.RawURLEncoding.AppendEncode(to, check.Subject[:])
	}
	return append(to, '\n')
}

var errLine = errors.New("malformed line")

// parseLine parses one line, without its line break, of a process that checked limits. It fails
// with errLine.
func parseLine(line string, limits ports.RecordedLimits) (ports.Attempt, error) {
	fields := strings.Split(line, " ")
	if len(fields) < 4 || len(fields) > 3+throttle.MaxChecks {
		return ports.Attempt{}, errLine
	}
	at, err := strconv.ParseInt(fields[0], 10, 64)
	wall, wallErr := strconv.ParseInt(fields[1], 10, 64)
	if err != nil || wallErr != nil || at < 0 || at > maxNanoseconds ||
		wall < 0 || wall > maxNanoseconds {
		return ports.Attempt{}, errLine
	}
	attempt := ports.Attempt{Instant: throttle.Instant(at), Time: time.Unix(0, wall)}
	switch outcome, by, _ := strings.Cut(fields[2], ":"); outcome {
	case outcomeGranted, outcomeRefused:
		if _, known := throttle.DimensionOf(by); known != (outcome == outcomeRefused) {
			return ports.Attempt{}, errLine
		}
	case outcomeUndecided:
		attempt.Undecided = true
	default:
		return ports.Attempt{}, errLine
	}
	var checks []throttle.Check
	for _, field := range fields[3:] {
		name, text, _ := strings.Cut(field, "=")
		dimension, known := throttle.DimensionOf(name)
		subject, err := base64.RawURLEncoding.Strict().DecodeString(text)
		if !known || err != nil || len(subject) != len(throttle.Subject{}) {
			return ports.Attempt{}, errLine
		}
		for _, other := range checks {
			if other.Dimension == dimension {
				return ports.Attempt{}, errLine
			}
		}
		checks = append(checks, throttle.Check{Dimension: dimension,
			Subject: throttle.Subject(subject), Limit: limits.Limits.Of(dimension),
			Window: limits.Window})
	}
	attempt.Checks = throttle.NewChecks(checks...)
	return attempt, nil
}
