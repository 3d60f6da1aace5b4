package accesslog

import (
	"cmp"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// members holds the members that nginx's log_format usually names, and those of Caddy's access log.
type members struct {
	Request       json.RawMessage `json:"request"` // a request line, or Caddy's object
	RemoteAddr    string          `json:"remote_addr"`
	RemoteIP      string          `json:"remote_ip"`
	ClientIP      string          `json:"client_ip"`
	Method        string          `json:"method"`
	RequestMethod string          `json:"request_method"`
	URI           string          `json:"uri"`
	RequestURI    string          `json:"request_uri"`
	TS            json.RawMessage `json:"ts"`
	Msec          json.RawMessage `json:"msec"`
	Time          json.RawMessage `json:"time"`
	TimeISO       json.RawMessage `json:"time_iso8601"`
	TimeLocal     json.RawMessage `json:"time_local"`
	Timestamp     json.RawMessage `json:"timestamp"`
	AtTimestamp   json.RawMessage `json:"@timestamp"`
}

// parseJSON reads a line that is a JSON object. If it cannot be read, the reason is not empty.
func parseJSON(line []byte) (found entry, reason string) {
	var m members
	if err := json.Unmarshal(line, &m); err != nil {
		return entry{}, ReasonForm
	}
	address := cmp.Or(m.ClientIP, m.RemoteIP, m.RemoteAddr)
	request := cmp.Or(m.RequestMethod, m.Method) + " " + cmp.Or(m.RequestURI, m.URI)
	if len(m.Request) > 0 && m.Request[0] == '{' {
		var inner members
		if err := json.Unmarshal(m.Request, &inner); err != nil {
			return entry{}, ReasonRequest
		}
		request = inner.Method + " " + inner.URI
		address = cmp.Or(inner.ClientIP, inner.RemoteIP, inner.RemoteAddr, address)
	} else if len(m.Request) > 0 {
		request = text(m.Request)
	}
	return newEntry(address, firstTime(m.TS, m.Msec, m.TimeISO, m.Time, m.TimeLocal, m.Timestamp,
		m.AtTimestamp), strings.TrimSpace(request))
}

// firstTime returns the first value that is present, as text, or "" if none is.
func firstTime(values ...json.RawMessage) string {
	for _, value := range values {
		if len(value) > 0 {
			return text(value)
		}
	}
	return ""
}

// text returns a string without its quotes, and a number as it is written.
func text(value json.RawMessage) string {
	if value[0] != '"' {
		return string(value)
	}
	var decoded string
	_ = json.Unmarshal(value, &decoded) // it is valid, as the whole line is
	return decoded
}

// layouts are the layouts of times that are not numbers of seconds: that of nginx and the common
// format, RFC 3339, and those of Caddy.
var layouts = []string{"02/Jan/2006:15:04:05 -0700", time.RFC3339Nano, "2006-01-02T15:04:05.999Z0700",
	"2006/01/02 15:04:05.999", "2006-01-02 15:04:05.999"}

// parseTime parses a time in Unix seconds, milliseconds or nanoseconds, or in one of the layouts.
func parseTime(text string) (time.Time, bool) {
	if seconds, ok := parseSeconds(text); ok {
		return seconds, true
	}
	for _, layout := range layouts {
		if at, err := time.Parse(layout, text); err == nil {
			return at, at.Year() >= 1970 && at.Year() < 2262 // within nanoseconds since 1970
		}
	}
	return time.Time{}, false
}

// digitsOfSeconds is the number of digits of Unix seconds from 2001 to 2286.
const digitsOfSeconds = 10

// parseSeconds parses Unix seconds with up to nine digits of a fraction; further digits are
// dropped. Caddy can also write milliseconds and nanoseconds, which are recognized by their number
// of digits.
func parseSeconds(text string) (time.Time, bool) {
	whole, fraction, _ := strings.Cut(text, ".")
	for _, more := range []int{3, 9} {
		if at := len(whole) - more; at == digitsOfSeconds {
			whole, fraction = whole[:at], whole[at:]+fraction
		}
	}
	seconds, err := strconv.ParseInt(whole, 10, 64)
	const digits = 9
	if len(fraction) > digits {
		fraction = fraction[:digits]
	}
	nanos, fractionErr := strconv.ParseUint("0"+fraction+strings.Repeat("0", digits-len(fraction)),
		10, 64)
	if err != nil || fractionErr != nil || seconds < 0 || seconds >= 9_000_000_000 {
		return time.Time{}, false
	}
	return time.Unix(seconds, int64(nanos)), true
}
