package redis

import (
	"bytes"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// ledger compares the commands on a connection with the replies.
//
// Beyond counting, it knows the replies in which rueidis expects what may be missing: the third
// word of MOVED, the first value of ROLE, the words of a Sentinel message, and a requested
// subscription.
type ledger struct {
	asked    atomic.Uint64 // commands written
	answered uint64        // replies read; used by the reader only

	special  atomic.Int32 // length of expected
	mu       sync.Mutex
	expected []expectation

	confirming int // remaining channels of the last subscription; used by the reader only
}

// expectation is what the reply to a command must be.
type expectation struct {
	number   uint64 // the command's
	least    int    // minimum number of values in an array
	pong     bool   // must be PONG
	channels int    // number of channels subscribed to; 0 if the command is not a subscription
}

// ask enters a command.
func (l *ledger) ask() { l.asked.Add(1) }

// askFor enters a command and the reply that it must get.
func (l *ledger) askFor(e expectation) {
	l.mu.Lock()
	e.number = l.asked.Load()
	l.expected = append(l.expected, e)
	l.mu.Unlock()
	l.special.Add(1)
	l.ask()
}

// next returns what the next reply must be, if that is more than any reply.
func (l *ledger) next() (expectation, bool) {
	if l.special.Load() == 0 {
		return expectation{}, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.expected) == 0 || l.expected[0].number != l.answered {
		return expectation{}, false
	}
	return l.expected[0], true
}

// answer counts the next reply.
func (l *ledger) answer(special bool) {
	l.answered++
	if special {
		l.mu.Lock()
		l.expected = l.expected[1:]
		l.mu.Unlock()
		l.special.Add(-1)
	}
}

// enter enters a reply, and reports whether it is acceptable.
func (l *ledger) enter(r *reply) bool {
	if r.kind == push {
		return l.pushed(r)
	}
	if l.answered == l.asked.Load() {
		return false
	}
	isError := r.kind == simpleError || r.kind == bulkError
	if isError && !redirectsSomewhere(r.text()) {
		return false
	}
	e, special := l.next()
	if special {
		switch {
		case e.pong && string(r.head[:r.kept]) != "+PONG\r\n":
			return false
		case e.channels > 0 && !isError:
			return false // a push message confirms it
		case (r.kind == array || r.kind == set) && r.count < e.least:
			return false
		}
	}
	l.answer(special)
	return true
}

// redirectsSomewhere reports whether an error that rueidis would follow names a target.
func redirectsSomewhere(text string) bool {
	text = strings.TrimPrefix(text, "ERR ")
	const words = 3 // MOVED, a slot, an address
	return !strings.HasPrefix(text, "MOVED") && !strings.HasPrefix(text, "ASK") ||
		strings.Count(text, " ") >= words-1
}

// text returns the beginning of an error.
func (r *reply) text() string {
	text := r.head[1:r.kept]
	if r.kind == bulkError {
		_, text, _ = bytes.Cut(text, []byte("\n"))
	}
	return string(text)
}

// pushed checks a push message. Unrequested ones are ignored, by rueidis too, except for
// subscriptions.
func (l *ledger) pushed(r *reply) bool {
	words := r.strings()
	if len(words) == 0 || r.long {
		return false
	}
	switch kind := words[0]; {
	case kind == "message":
		const channel, message = 1, 2
		return len(words) > message && isComplete(words[channel], words[message])
	case !strings.HasSuffix(kind, "subscribe"):
		return true
	case l.confirming > 0:
		l.confirming--
		return true
	case strings.Contains(kind, "unsubscribe"):
		return true
	}
	e, special := l.next()
	if !special || e.channels == 0 || r.count < 3 {
		return false
	}
	l.confirming = e.channels - 1
	l.answer(special)
	return true
}

// isComplete reports whether a Sentinel message has the words that rueidis reads.
func isComplete(channel, message string) bool {
	least := 4 // for example: master, its name, address and port
	if channel == "+switch-master" {
		least = 5 // the name, and the old and the new address and port
	}
	return strings.Count(message, " ") >= least-1
}

// strings returns the strings at the start of a push message. A message of a single value has none
// that count.
func (r *reply) strings() []string {
	var all []string
	_, rest, _ := bytes.Cut(r.head[:r.kept], []byte("\n"))
	for r.count > 1 && len(rest) > 0 && rest[0] == bulkString {
		line, after, found := bytes.Cut(rest[1:], []byte("\r\n"))
		n, err := strconv.Atoi(string(line))
		if !found || err != nil || n < 0 || n+2 > len(after) {
			break
		}
		all = append(all, string(after[:n]))
		rest = after[n+2:]
	}
	return all
}
