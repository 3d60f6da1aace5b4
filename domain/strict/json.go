package strict

import (
	"errors"
	"unicode/utf8"
)

// MaxDepth is the maximum number of nested objects and lists, counting the outermost one.
const MaxDepth = 64

// ErrJSON reports text that is not a single JSON value (RFC 8259) in valid UTF-8.
var ErrJSON = errors.New("not strict JSON")

// Kind is the type of a JSON value (RFC 8259 §3).
type Kind uint8

// The types of JSON values; true and false are both Boolean.
const (
	Null Kind = iota
	Boolean
	Number
	String
	List
	Object
)

// Value is one JSON value. It refers to the text that it was parsed from.
type Value struct {
	kind    Kind
	raw     string // the value as written
	text    string // a string's content
	members []Member
}

// Member is a name of an object and its value.
type Member struct {
	Name  string
	Value Value
	// Repeated reports whether the object contained the name before.
	Repeated bool
}

// Kind returns the value's type.
func (v Value) Kind() Kind { return v.kind }

// Raw returns the value as it was written, without surrounding white space.
func (v Value) Raw() string { return v.raw }

// Text returns a string's content; ok is false for any other type.
func (v Value) Text() (text string, ok bool) { return v.text, v.kind == String }

// Members returns the members of the outermost object in order, including repeated names.
func (v Value) Members() []Member { return v.members }

// Items returns the values of a list in order, each with its members if it is an object; ok is
// false for any other type.
func (v Value) Items() (items []Value, ok bool) {
	if v.kind != List {
		return nil, false
	}
	r := reader{text: v.raw, at: 1}
	for r.space(); !r.take(']'); r.space() {
		item, _ := r.value(1) // parsed before, and valid
		items = append(items, item)
		r.space()
		r.take(',')
	}
	return items, true
}

// Member returns the first member with exactly that name.
func (v Value) Member(name string) (Value, bool) {
	for i := range v.members {
		if v.members[i].Name == name {
			return v.members[i].Value, true
		}
	}
	return Value{}, false
}

// Document is a completely parsed text.
type Document struct {
	Value
	// Repeated is the number of names, in objects at any level, that their object already
	// contained.
	Repeated int
}

// Parse parses text as a single JSON value, surrounded by JSON white space only. It fails with
// ErrJSON on anything that RFC 8259 does not allow, on invalid UTF-8, a byte order mark or a lone
// surrogate, and on more than MaxDepth levels. Repeated names are reported, not rejected. Time and
// memory are linear in the length of text, whatever it contains.
func Parse(text string) (Document, error) {
	if !utf8.ValidString(text) {
		return Document{}, ErrJSON
	}
	r := reader{text: text}
	r.space()
	value, ok := r.value(1)
	if !ok {
		return Document{}, ErrJSON
	}
	r.space()
	if r.at != len(text) {
		return Document{}, ErrJSON
	}
	return Document{Value: value, Repeated: r.repeated}, nil
}

// reader scans text that is valid UTF-8.
type reader struct {
	text     string
	at       int
	repeated int
}

// peek returns the next byte, or 0 at the end: no JSON token starts with 0.
func (r *reader) peek() byte {
	if r.at < len(r.text) {
		return r.text[r.at]
	}
	return 0
}

func (r *reader) take(c byte) bool {
	if r.peek() != c || r.at >= len(r.text) {
		return false
	}
	r.at++
	return true
}

func (r *reader) space() {
	for {
		switch r.peek() {
		case ' ', '\t', '\n', '\r':
			r.at++
		default:
			return
		}
	}
}

func (r *reader) value(depth int) (Value, bool) {
	start := r.at
	var v Value
	ok := false
	switch c := r.peek(); {
	case c == '{':
		v.kind = Object
		v.members, ok = r.object(depth)
	case c == '[':
		v.kind = List
		ok = r.list(depth)
	case c == '"':
		v.kind = String
		v.text, ok = r.str()
	case c == '-' || isDigit(c):
		v.kind = Number
		ok = r.number()
	case c == 't':
		v.kind = Boolean
		ok = r.word("true")
	case c == 'f':
		v.kind = Boolean
		ok = r.word("false")
	case c == 'n':
		v.kind = Null
		ok = r.word("null")
	}
	v.raw = r.text[start:r.at]
	return v, ok
}

func (r *reader) object(depth int) ([]Member, bool) {
	if depth > MaxDepth {
		return nil, false
	}
	r.at++
	r.space()
	if r.take('}') {
		return nil, true
	}
	var members []Member
	seen := names{}
	for {
		if r.peek() != '"' {
			return nil, false
		}
		name, ok := r.str()
		if !ok {
			return nil, false
		}
		r.space()
		if !r.take(':') {
			return nil, false
		}
		r.space()
		value, ok := r.value(depth + 1)
		if !ok {
			return nil, false
		}
		again := seen.add(name)
		if again {
			r.repeated++
		}
		if depth == 1 {
			members = append(members, Member{Name: name, Value: value, Repeated: again})
		}
		r.space()
		if r.take('}') {
			return members, true
		}
		if !r.take(',') {
			return nil, false
		}
		r.space()
	}
}

func (r *reader) list(depth int) bool {
	if depth > MaxDepth {
		return false
	}
	r.at++
	r.space()
	if r.take(']') {
		return true
	}
	for {
		if _, ok := r.value(depth + 1); !ok {
			return false
		}
		r.space()
		if r.take(']') {
			return true
		}
		if !r.take(',') {
			return false
		}
		r.space()
	}
}

func (r *reader) word(word string) bool {
	if len(r.text)-r.at < len(word) || r.text[r.at:r.at+len(word)] != word {
		return false
	}
	r.at += len(word)
	return true
}

// number reads a number (RFC 8259 §6): no plus sign, no leading zero, a digit on both sides of the
// point.
func (r *reader) number() bool {
	r.take('-')
	if !r.take('0') && !r.digits() {
		return false
	}
	if r.take('.') && !r.digits() {
		return false
	}
	if r.take('e') || r.take('E') {
		if !r.take('+') {
			r.take('-')
		}
		return r.digits()
	}
	return true
}

func (r *reader) digits() bool {
	start := r.at
	for isDigit(r.peek()) {
		r.at++
	}
	return r.at > start
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// names are the names of one object so far. A few are compared one by one, many through a map, so
// that an object with many names costs time linear in its length.
type names struct {
	few  [8]string
	n    int
	many map[string]struct{}
}

// add reports whether name was already there, and adds it.
func (s *names) add(name string) bool {
	if s.many != nil {
		_, again := s.many[name]
		s.many[name] = struct{}{}
		return again
	}
	for _, known := range s.few[:s.n] {
		if known == name {
			return true
		}
	}
	if s.n < len(s.few) {
		s.few[s.n] = name
		s.n++
		return false
	}
	s.many = make(map[string]struct{}, 2*len(s.few))
	for _, known := range s.few {
		s.many[known] = struct{}{}
	}
	s.many[name] = struct{}{}
	return false
}
