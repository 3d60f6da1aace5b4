package redis

import (
	"bytes"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// ledger holds what was asked on a connection against what is answered.
//
// Beyond the count it knows those answers in which rueidis looks for what need not be there: the third word of MOVED, the first of ROLE's values, the
// words of a Sentinel's message, and a subscription that somebody asked for.
type ledger struct {
	asked    atomic.Uint64 // commands written
	answered uint64        // replies read, by the reader alone

	special  atomic.Int32 // how many are in expected
	mu       sync.Mutex
	expected []expectation

	confirming int // further channels of the last subscription, by the reader alone
}

// expectation is what the answer to a command must be.
type expectation struct {
	number   uint64 // the command's
	least    int    // values in an array
	pong     bool   // nothing but PONG
	channels int    // how many are subscribed to; 0 where the command is no subscription
}

// ask enters a command.
func (l *ledger) ask() { l.asked.Add(1) }

// askFor enters a command with what its answer must be.
func (l *ledger) askFor(e expectation) {
	l.mu.Lock()
	e.number = l.asked.Load()
	l.expected = append(l.expected, e)
	l.mu.Unlock()
	l.special.Add(1)
	l.ask()
}

// next is what the next answer must be, where that is more than any answer.
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

// answer counts the next answer.
func (l *ledger) answer(special bool) {
	l.answered++
	if special {
		l.mu.Lock()
		l.expected = l.expected[1:]
		l.mu.Unlock()
		l.special.Add(-1)
	}
}

// enter enters a reply, and tells whether it may be one.
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
			return false // it is confirmed by a push message
		case (r.kind == array || r.kind == set) && r.count < e.least:
			return false
		}
	}
	l.answer(special)
	return true
}

// redirectsSomewhere tells whether an error that rueidis would follow says where to.
func redirectsSomewhere(text string) bool {
	text = strings.TrimPrefix(text, "ERR ")
	const words = 3 // MOVED, a slot, an address
	return !strings.HasPrefix(text, "MOVED") && !strings.HasPrefix(text, "ASK") ||
		strings.Count(text, " ") >= words-1
}

// text is the beginning of an error.
func (r *reply) text() string {
	text := r.head[1:r.kept]
	if r.kind == bulkError {
		_, text, _ = bytes.Cut(text, []byte("\n"))
	}
	return string(text)
}

// pushed judges a push message. Those that nobody asked for are passed over, by rueidis too, but for subscriptions.
func (l *ledger) pushed(r *reply) bool {
	words := r.strings()
	if len(words) == 0 || r.long {
		return false
	}
	switch kind := words[0]; {
	case kind == "message":
		const channel, message = 1, 2
		return len(words) > message && toldInFull(words[channel], words[message])
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

// toldInFull tells whether a Sentinel's message has the words that rueidis takes of it.
func toldInFull(channel, message string) bool {
	least := 4 // such as: master, its name, address and port
	if channel == "+switch-master" {
		least = 5 // the name, and the old and the new address and port
	}
	return strings.Count(message, " ") >= least-1
}

// strings are those with which a push message begins. A message of one value alone has none that count.
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
