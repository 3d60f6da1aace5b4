package redis

import "strings"

// Bounds of what a server may send. The longest replies are the map of a large Cluster, of up to
// 16384 ranges of slots, and INFO.
const (
	maxLine   = 64 << 10 // bytes of a line
	maxBulk   = 1 << 20  // bytes of a string
	maxLength = 16384    // values in an array or a set, pairs in a map
	maxValues = 1 << 18  // values in a reply, at all depths
	maxReply  = 8 << 20  // bytes of a reply
	maxDepth  = 8        // arrays within arrays
	maxDigits = 19       // digits of a number
	maxHead   = 512      // bytes of a push message, and of a reply that are kept
)

// The type of a value is its first byte (RESP2 and RESP3). Attributes and streamed values, which a
// server sends only on request, are not accepted.
const (
	simpleString   = '+'
	simpleError    = '-'
	integer        = ':'
	bulkString     = '$'
	array          = '*'
	null           = '_'
	double         = ','
	boolean        = '#'
	bulkError      = '!'
	verbatimString = '='
	bigNumber      = '('
	mapping        = '%'
	set            = '~'
	push           = '>'

	types = "+-:$*_,#!=(%~>"

	// bulkEnd is the line end after a string of a given length. It is not a type.
	bulkEnd = 0
)

// replies parses the replies on one connection, however they are split into reads, and enforces the
// bounds.
type replies struct {
	state  place
	kind   byte // of the value whose line is being read
	line   int  // bytes of the line so far
	before byte // the previous byte of the line
	number int
	digits int
	minus  bool
	bulk   int // remaining bytes of a string

	depth     int
	remaining [maxDepth]int // values at each depth

	reply  reply
	values int // in the reply so far
	size   int // bytes of the reply in earlier reads
}

// place is the position of the parser within a value.
type place uint8

const (
	atType place = iota
	inLine
	inBulk
)

// reply is what the ledger needs to know of a reply.
type reply struct {
	kind  byte
	count int           // the number of values, if the reply is a list of values
	head  [maxHead]byte // the beginning of the reply
	kept  int           // bytes in head
	long  bool          // the reply is longer than head
	keep  bool          // whether head is needed
}

// add adds text to the beginning of the reply, if it is needed.
func (r *reply) add(text []byte) {
	if r.keep {
		n := copy(r.head[r.kept:], text)
		r.kept += n
		r.long = r.long || n < len(text)
	}
}

// follow continues parsing, and enters each complete reply in the ledger. It fails with
// errProtocol, after which it must not be called again.
func (r *replies) follow(text []byte, ledger *ledger) error {
	begin := 0 // of the current reply
	for at := 0; at < len(text); {
		if r.state == inBulk {
			n := min(r.bulk, len(text)-at)
			r.bulk -= n
			at += n
			if r.bulk == 0 {
				r.expect(bulkEnd)
			}
			continue
		}
		c := text[at]
		at++
		if r.state == atType {
			if r.depth == 0 {
				begin = at - 1
				r.values, r.size = 0, 0
				r.reply.kind, r.reply.count, r.reply.kept, r.reply.long = c, 0, 0, false
				r.reply.keep = c == push || c == simpleError || c == bulkError ||
					ledger.special.Load() > 0
			}
			if strings.IndexByte(types, c) < 0 || c == push && r.depth > 0 {
				return errProtocol
			}
			r.expect(c)
			continue
		}
		if !r.inLine(c) {
			return errProtocol
		}
		if c != '\n' {
			continue
		}
		ended, ok := r.endOfLine()
		if !ok {
			return errProtocol
		}
		if !ended || !r.last() {
			continue
		}
		r.reply.add(text[begin:at])
		if !ledger.enter(&r.reply) {
			return errProtocol
		}
		begin = at
	}
	r.reply.add(text[begin:])
	if r.size += len(text) - begin; r.size > maxReply {
		return errProtocol
	}
	return nil
}

// expect begins the line of a value of that kind.
func (r *replies) expect(kind byte) {
	r.state, r.kind = inLine, kind
	r.line, r.before, r.number, r.digits, r.minus = 0, 0, 0, 0, false
}

// inLine reads a byte of a line, and reports whether it is valid. A line ends with CR LF and
// contains neither elsewhere.
func (r *replies) inLine(c byte) bool {
	before := r.before
	r.before = c
	if r.line++; r.line > maxLine || (before == '\r') != (c == '\n') {
		return false
	}
	if c == '\r' || c == '\n' {
		return true
	}
	switch r.kind {
	case simpleString, simpleError, double, bigNumber:
		return true
	case integer, bulkString, bulkError, verbatimString, array, mapping, set, push:
		switch {
		case c == '-' && r.line == 1:
			r.minus = true
			return true
		case c < '0' || c > '9' || r.digits == maxDigits:
			return false
		}
		r.digits++
		r.number = r.number*10 + int(c-'0')
		return true
	case boolean:
		return r.line == 1 && (c == 't' || c == 'f')
	}
	return false // null and bulkEnd consist of the line end only; other bytes are no type
}

// endOfLine checks a complete line, and reports whether it ended a value.
func (r *replies) endOfLine() (ended, ok bool) {
	r.state = atType
	switch r.kind {
	case simpleString, simpleError, double, bigNumber, null, bulkEnd:
		return true, true
	case boolean:
		return true, r.line == len("t\r\n")
	}
	if r.digits == 0 {
		return false, false
	}
	nothing := r.minus && r.number == 1 && r.digits == 1
	switch r.kind {
	case integer:
		return true, true
	case bulkString, bulkError, verbatimString:
		if nothing {
			return true, true
		}
		if r.minus || r.number < 0 || r.number > maxBulk {
			return false, false
		}
		if r.bulk = r.number; r.bulk == 0 {
			r.expect(bulkEnd)
			return false, true
		}
		r.state = inBulk
		return false, true
	case array:
		if nothing {
			if r.depth == 0 {
				r.reply.kind = null
			}
			return true, true
		}
	}
	return r.open()
}

// open begins an array, a set, a map or a push message. ended reports whether it is empty, and ok
// whether it is valid and within the bounds.
func (r *replies) open() (ended, ok bool) {
	if r.minus || r.number < 0 || r.number > maxLength {
		return false, false
	}
	n := r.number
	if r.kind == mapping {
		n *= 2
	}
	if r.values += n; r.values > maxValues {
		return false, false
	}
	if r.depth == 0 {
		r.reply.count = n
	}
	if n == 0 {
		return true, true
	}
	if r.depth == maxDepth {
		return false, false
	}
	r.remaining[r.depth] = n
	r.depth++
	return false, true
}

// last counts a value that ended, and reports whether it ended the reply.
func (r *replies) last() bool {
	for r.depth > 0 {
		if r.remaining[r.depth-1]--; r.remaining[r.depth-1] > 0 {
			return false
		}
		r.depth--
	}
	return true
}
