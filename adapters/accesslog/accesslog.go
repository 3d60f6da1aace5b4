// Package accesslog reads the access logs of nginx and Caddy, in the combined format and as JSON,
// for the requests that ask for a session.
//
// A log has addresses and no install ids, so limits by installation and on renewals cannot be tried
// on it. Addresses become digests at once. The package imports domain, ports and the standard
// library.
package accesslog

import (
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/offload/sessiond/domain/clientaddr"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// tolerance is how much earlier than the latest line so far a line may be, because servers write a
// line when its request ends. Such a request counts as made at the time of that latest line.
const tolerance = time.Minute

// lookahead is how many of the lines that follow are compared with a line whose time is more than
// tolerance later than that of any line before.
const lookahead = 9

// The reasons why a line cannot be read.
const (
	ReasonForm      = "neither the combined format nor JSON"
	ReasonAddress   = "no client address"
	ReasonTime      = "no time"
	ReasonRequest   = "no request"
	ReasonBackwards = "over a minute earlier than a line before it"
	ReasonAhead     = "over a minute later than the lines after it"
)

// Lines yields the lines of a log, without those that are empty.
type Lines interface {
	// Next returns the next line, which is valid until the next call, or false at the end.
	Next() (line []byte, more bool, err error)
}

// Counts counts the lines that a Reader passes over.
type Counts interface {
	// Unreadable counts a line that cannot be read.
	Unreadable(reason string)
	// Other counts a line of another request.
	Other()
}

// Rules say which requests to return, and how to check them.
type Rules struct {
	// Path is the path of the requests that ask for a session by POST.
	Path string
	// IPv6Prefix is how many bits of an IPv6 address count as one client.
	IPv6Prefix int
	// Window is the window of settings that name none.
	Window time.Duration
}

// Reader reads one log, which may be in several files. It implements ports.Attempts.
type Reader struct {
	rules    Rules
	lines    Lines
	counts   Counts
	digester throttle.Digester
	began    bool
	ahead    []entry   // read, and not yet returned
	last     time.Time // the latest time of a line so far
}

// NewReader returns a reader.
func NewReader(rules Rules, lines Lines, counts Counts) *Reader {
	// The digests do not leave the process.
	return &Reader{rules: rules, lines: lines, counts: counts,
		digester: throttle.NewDigester([]byte("access log"))}
}

// Continue makes the reader continue with the lines of the next file.
func (r *Reader) Continue(lines Lines) { r.lines = lines }

// entry is the request that a line records.
type entry struct {
	address netip.Addr
	at      time.Time
	method  string
	target  string
}

// Next implements ports.Attempts.
func (r *Reader) Next(attempt *ports.Attempt) (bool, error) {
	for {
		found, more, err := r.next()
		if err != nil || !more {
			return false, err
		}
		if found.at.After(r.last) {
			r.last = found.at
		}
		path, _, _ := strings.Cut(found.target, "?")
		if found.method != http.MethodPost || path != r.rules.Path {
			r.counts.Other()
			continue
		}
		*attempt = r.attempt(found.address)
		return true, nil
	}
}

// next returns the next entry whose time fits those around it. It returns false at the end.
func (r *Reader) next() (entry, bool, error) {
	for {
		if err := r.read(1); err != nil || len(r.ahead) == 0 {
			return entry{}, false, err
		}
		found := r.ahead[0]
		leaps := found.at.After(r.last.Add(tolerance))
		if leaps {
			if err := r.read(1 + lookahead); err != nil {
				return entry{}, false, err
			}
		}
		r.ahead = r.ahead[:copy(r.ahead, r.ahead[1:])]
		switch {
		case r.isLate(found.at):
			r.counts.Unreadable(ReasonBackwards)
		case leaps && r.isOutlier(found.at):
			r.counts.Unreadable(ReasonAhead)
		default:
			return found, true, nil
		}
	}
}

// isLate reports whether a time is more than tolerance earlier than that of the latest line.
func (r *Reader) isLate(at time.Time) bool { return at.Before(r.last.Add(-tolerance)) }

// isOutlier reports whether a line at the given time, which leaps ahead, has a wrong time: most of
// the lines that follow are earlier by more than tolerance. Some of these may be wrong too. An
// outlier that was accepted would make all lines after it late.
func (r *Reader) isOutlier(at time.Time) bool {
	before, judged := 0, 0
	for _, following := range r.ahead {
		if r.isLate(following.at) {
			continue
		}
		judged++
		if following.at.Before(at.Add(-tolerance)) {
			before++
		}
	}
	return 2*before > judged
}

// read reads lines until ahead has the wanted number of entries, or the log ends.
func (r *Reader) read(wanted int) error {
	for len(r.ahead) < wanted {
		line, more, err := r.lines.Next()
		if err != nil || !more {
			return err
		}
		found, reason := parse(line)
		if reason != "" {
			r.counts.Unreadable(reason)
			continue
		}
		r.ahead = append(r.ahead, found)
	}
	return nil
}

// attempt returns an attempt of the client at the time of the latest line.
func (r *Reader) attempt(client netip.Addr) ports.Attempt {
	attempt := ports.Attempt{Time: r.last, Instant: throttle.Instant(r.last.UnixNano())}
	if !r.began {
		r.began, attempt.Begins = true, &ports.RecordedLimits{Window: r.rules.Window}
	}
	address := r.check(throttle.ByAddress, clientaddr.Truncate(client, r.rules.IPv6Prefix))
	attempt.Checks = throttle.NewChecks(address)
	if network, ok := clientaddr.Network(client, r.rules.IPv6Prefix); ok {
		attempt.Checks = throttle.NewChecks(address, r.check(throttle.ByNetwork, network))
	}
	return attempt
}

// check returns a check of a prefix, without a limit.
func (r *Reader) check(dimension throttle.Dimension, prefix netip.Prefix) throttle.Check {
	return throttle.Check{Dimension: dimension,
		Subject: r.digester.Subject(dimension, prefix.String())}
}

// parse reads one line, which must not be empty. If it cannot be read, the reason is not empty.
func parse(line []byte) (found entry, reason string) {
	if line[0] == '{' {
		return parseJSON(line)
	}
	return parseCombined(string(line))
}

// parseCombined reads a line of the combined format, or of the common format.
func parseCombined(line string) (found entry, reason string) {
	address, rest, _ := strings.Cut(line, " ")
	before, rest, closed := strings.Cut(rest, "] \"")
	opened := strings.LastIndex(before, " [") // the name of a user may have brackets
	request, _, quoted := strings.Cut(rest, "\"")
	if opened < 0 || !closed || !quoted {
		return entry{}, ReasonForm
	}
	return newEntry(address, before[opened+len(" ["):], request)
}

// newEntry returns the entry of a line with the given address, time and request line.
func newEntry(address, at, request string) (found entry, reason string) {
	method, rest, _ := strings.Cut(request, " ")
	target, _, _ := strings.Cut(rest, " ")
	if request == "" {
		return entry{}, ReasonRequest
	}
	found = entry{method: method, target: target}
	var ok bool
	if found.address, ok = parseAddress(address); !ok {
		return entry{}, ReasonAddress
	}
	if found.at, ok = parseTime(at); !ok {
		return entry{}, ReasonTime
	}
	return found, ""
}

// parseAddress parses an address, with or without a port.
func parseAddress(text string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(text)
	if err == nil {
		return addr, true
	}
	withPort, err := netip.ParseAddrPort(text)
	return withPort.Addr(), err == nil
}
