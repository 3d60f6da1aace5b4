package redis

import (
	"bytes"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// ledger matches the replies on a connection with the commands.
//
// Besides counting replies, it checks those in which rueidis reads values without checking that
// they exist: the third word of MOVED, the first value of ROLE, the words of a Sentinel's message,
// and the confirmation of a subscription.
type ledger struct {
	commands atomic.Uint64 // commands written
	answered uint64        // replies read; used only by the reader

	special  atomic.Int32 // the length of expected
	mu       sync.Mutex
	expected []expectation

	// confirming is the number of channels of the last subscription that are still to be confirmed.
	// Only the reader uses it.
	confirming int
}

// expectation is what the reply to a command must be.
type expectation struct {
	number    uint64 // of the command
	minValues int    // in an array
	pong      bool   // the reply must be PONG
	channels  int    // number subscribed to; 0 for other commands
}

// add enters a command.
func (l *ledger) add() { l.commands.Add(1) }

// expect enters a command whose reply must meet an expectation.
func (l *ledger) expect(e expectation) {
	l.mu.Lock()
	e.number = l.commands.Load()
	l.expected = append(l.expected, e)
	l.mu.Unlock()
	l.special.Add(1)
	l.add()
}

// next returns the expectation of the next reply, if there is one.
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

// enter enters a reply, and reports whether it is allowed.
func (l *ledger) enter(r *reply) bool {
	if r.kind == push {
		return l.pushed(r)
	}
	if l.answered == l.commands.Load() {
		return false
	}
	isError := r.kind == simpleError || r.kind == bulkError
	if isError && !hasTarget(r.text()) {
		return false
	}
	e, special := l.next()
	if special {
		switch {
		case e.pong && string(r.head[:r.kept]) != "+PONG\r\n":
			return false
		case e.channels > 0 && !isError:
			return false // a push message confirms it
		case (r.kind == array || r.kind == set) && r.count < e.minValues:
			return false
		}
	}
	l.answer(special)
	return true
}

// hasTarget returns false for an error that rueidis would follow as a redirect but that contains no
// address, and true for any other.
func hasTarget(text string) bool {
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

// pushed checks a push message. Unsolicited ones are ignored, by rueidis too, except for
// confirmations of subscriptions.
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

// isComplete reports whether a Sentinel's message has the words that rueidis reads from it.
func isComplete(channel, message string) bool {
	minWords := 4 // such as: master, its name, address and port
	if channel == "+switch-master" {
		minWords = 5 // the name, and the old and the new address and port
	}
	return strings.Count(message, " ") >= minWords-1
}

// strings returns the strings with which a push message begins; none if the message has only one
// value.
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
