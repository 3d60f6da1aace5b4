// Package accesslog reads the access logs of nginx and Caddy, in the combined format and as JSON,
// for the requests that ask for a session.
//
// A log has addresses and no install ids, so it tells nothing of installations and of renewals.
// Addresses become digests at once. The package imports domain, ports and the standard library.
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

// tolerance is how much earlier than the line before it a line may be: servers write a line when a
// request ends. Such a request counts as made at the instant of the line before.
const tolerance = time.Minute

// lookahead is how many lines after one whose time leaps ahead are compared with it.
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

// Lines yields the lines of a log. It returns false at the end. A line is valid until the next
// call.
type Lines interface {
	Next() (line []byte, more bool, err error)
}

// Counts is told what a Reader does not return.
type Counts interface {
	// Unreadable counts a line that cannot be read.
	Unreadable(reason string)
	// Other counts a line of another request.
	Other()
}

// Rules say what to look for.
type Rules struct {
	// Path is the path of the requests that ask for a session by POST.
	Path string
	// IPv6Prefix is how many bits of an IPv6 address count as one client.
	IPv6Prefix int
	// Window is that of a setting that names none.
	Window time.Duration
}

// Reader reads one log, which may be in several files. It implements ports.Attempts.
type Reader struct {
	rules    Rules
	lines    Lines
	counts   Counts
	digester throttle.Digester
	began    bool
	ahead    []entry   // read already
	last     time.Time // the latest of any line
}

// NewReader returns a reader.
func NewReader(rules Rules, lines Lines, counts Counts) *Reader {
	// The digests do not leave the process.
	return &Reader{rules: rules, lines: lines, counts: counts,
		digester: throttle.NewDigester([]byte("access log"))}
}

// Continue makes the reader go on with the next file.
func (r *Reader) Continue(lines Lines) { r.lines = lines }

// entry is what a line says.
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
		case leaps && r.returnFrom(found.at):
			r.counts.Unreadable(ReasonAhead)
		default:
			return found, true, nil
		}
	}
}

func (r *Reader) isLate(at time.Time) bool { return at.Before(r.last.Add(-tolerance)) }

// returnFrom reports whether the lines after one that leaps ahead return to times before it: most
// of them, for some of them may be wrong too. One wrong time must not make all lines after it late.
func (r *Reader) returnFrom(at time.Time) bool {
	before, judged := 0, 0
	for _, one := range r.ahead {
		if r.isLate(one.at) {
			continue
		}
		judged++
		if one.at.Before(at.Add(-tolerance)) {
			before++
		}
	}
	return 2*before > judged
}

// read reads entries until a number of them is there, or the log ends.
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

// attempt returns the attempt of a client at the instant of the last line.
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

func (r *Reader) check(dimension throttle.Dimension, prefix netip.Prefix) throttle.Check {
	return throttle.Check{Dimension: dimension,
		Subject: r.digester.Subject(dimension, prefix.String())}
}

// parse reads one line, and returns why it cannot be read.
func parse(line []byte) (entry, string) {
	if line[0] == '{' {
		return parseJSON(line)
	}
	return parseCombined(string(line))
}

// parseCombined reads a line of the combined format, or of the common format.
func parseCombined(line string) (entry, string) {
	address, rest, _ := strings.Cut(line, " ")
	before, rest, closed := strings.Cut(rest, "] \"")
	opened := strings.LastIndex(before, " [") // the name of a user may have brackets
	request, _, quoted := strings.Cut(rest, "\"")
	if opened < 0 || !closed || !quoted {
		return entry{}, ReasonForm
	}
	return newEntry(address, before[opened+len(" ["):], request)
}

// newEntry returns the entry of a line that has a request line.
func newEntry(address, at, request string) (entry, string) {
	method, rest, _ := strings.Cut(request, " ")
	target, _, _ := strings.Cut(rest, " ")
	if request == "" {
		return entry{}, ReasonRequest
	}
	found := entry{method: method, target: target}
	var ok bool
	if found.address, ok = parseAddress(address); !ok {
		return entry{}, ReasonAddress
	}
	if found.at, ok = parseTime(at); !ok {
		return entry{}, ReasonTime
	}
	return found, ""
}

// parseAddress reads an address, with or without a port.
func parseAddress(text string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(text)
	if err == nil {
		return addr, true
	}
	withPort, err := netip.ParseAddrPort(text)
	return withPort.Addr(), err == nil
}
