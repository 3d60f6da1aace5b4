package strict

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"
)

// MaxDepth is the maximum number of levels of objects and lists in a text; the outermost is the
// first.
const MaxDepth = 64

// ErrJSON is returned for text that is not one JSON value (RFC 8259) in valid UTF-8.
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

// Value is one JSON value. It refers to the text it was parsed from.
type Value struct {
	kind    Kind
	raw     string // as written
	text    string // content of a string
	members []Member
}

// Member is one member of an object: its name and value.
type Member struct {
	Name  string
	Value Value
	// Repeated is true if the name occurred earlier in the object.
	Repeated bool
}

// Kind returns the type of the value.
func (v Value) Kind() Kind { return v.kind }

// Raw returns the value as it was written, without surrounding white space.
func (v Value) Raw() string { return v.raw }

// Text returns the content of a string; ok is false for any other type.
func (v Value) Text() (text string, ok bool) { return v.text, v.kind == String }

// Members returns the members of an object in their order, including repeated names. They are kept
// for the outermost object only.
func (v Value) Members() []Member { return v.members }

// Items returns the values of a list in their order, with their members if they are objects; ok is
// false for any other type.
func (v Value) Items() (items []Value, ok bool) {
	if v.kind != List {
		return nil, false
	}
	r := reader{text: v.raw, at: 1}
	for r.skipSpace(); !r.take(']'); r.skipSpace() {
		items = append(items, Value{})
		r.value(1, &items[len(items)-1]) // parsed before, and valid
		r.skipSpace()
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
	// Repeated is the number of names, in objects at any level, that occurred earlier in their
	// object.
	Repeated int
}

// Parse parses text as one JSON value, surrounded by nothing but JSON white space. It fails with
// ErrJSON if text is not valid according to RFC 8259, is not valid UTF-8, contains a byte order
// mark or a lone surrogate, or has more than MaxDepth levels. Repeated names are reported, not
// refused. Time and memory are linear in the length of text for every input.
func Parse(text string) (Document, error) { return parse(reader{text: text}) }

func parse(r reader) (Document, error) {
	text := r.text
	if !utf8.ValidString(text) {
		return Document{}, ErrJSON
	}
	r.whole = true
	r.skipSpace()
	var d Document
	if !r.value(1, &d.Value) {
		return Document{}, ErrJSON
	}
	r.skipSpace()
	if r.at != len(text) {
		return Document{}, ErrJSON
	}
	d.Repeated = r.repeated
	return d, nil
}

// reader scans a text that is valid UTF-8.
type reader struct {
	text     string
	at       int
	repeated int
	// whole is true for a whole text, which has one outermost object.
	whole bool
	// fields and found are those of Fields.Parse, which keeps no members; next is the index of the
	// field that is likely next.
	fields *Fields
	found  []Found
	next   int
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

func (r *reader) skipSpace() {
	for {
		switch c := r.peek(); {
		case c > ' ': // nearly always
			return
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			r.at++
		default:
			return
		}
	}
}

// value reads a value into v, which is zero before.
func (r *reader) value(depth int, v *Value) bool {
	start := r.at
	ok := false
	switch c := r.peek(); {
	case c == '"':
		v.kind = String
		v.text, ok = r.str()
	case c == '-' || isDigit(c):
		v.kind = Number
		ok = r.number()
	case c == '{':
		v.kind = Object
		v.members, ok = r.object(depth)
	case c == '[':
		v.kind = List
		ok = r.list(depth)
	case c == 't':
		v.kind = Boolean
		ok = r.literal("true")
	case c == 'f':
		v.kind = Boolean
		ok = r.literal("false")
	case c == 'n':
		v.kind = Null
		ok = r.literal("null")
	}
	v.raw = r.text[start:r.at]
	return ok
}

func (r *reader) object(depth int) ([]Member, bool) {
	if depth > MaxDepth {
		return nil, false
	}
	r.at++
	r.skipSpace()
	if r.take('}') {
		return nil, true
	}
	var members []Member
	seen := names{}
	start := r.at
	for {
		name, field, ok := r.name(depth)
		if !ok {
			return nil, false
		}
		r.skipSpace()
		if field != nil && field.raw == "" {
			ok = r.value(depth+1, &field.Value)
		} else {
			var value Value
			ok = r.value(depth+1, &value)
			if depth == 1 && r.whole && seen.n == len(seen.few) && ok {
				// as many as there would be if all were as long as these
				seen.expected = seen.n * (len(r.text) - start) / (r.at - start)
			}
			if field != nil {
				field.Repeated++
			}
			repeated := field != nil || seen.add(name)
			if repeated {
				r.repeated++
			}
			if depth == 1 && r.fields == nil {
				members = append(members, Member{Name: name, Value: value, Repeated: repeated})
			}
		}
		if !ok {
			return nil, false
		}
		r.skipSpace()
		if r.take('}') {
			return members, true
		}
		if !r.take(',') {
			return nil, false
		}
		r.skipSpace()
	}
}

// name reads the name of a member and the colon behind it. field is where its value is kept, if it
// is one of the fields.
func (r *reader) name(depth int) (name string, field *Found, ok bool) {
	fields := depth == 1 && r.fields != nil
	if fields && r.next < len(r.fields.names) &&
		strings.HasPrefix(r.text[r.at:], r.fields.written[r.next]) {
		r.at += len(r.fields.written[r.next])
		r.next++
		return r.fields.names[r.next-1], &r.found[r.next-1], true
	}
	if r.peek() != '"' {
		return "", nil, false
	}
	if name, ok = r.str(); !ok {
		return "", nil, false
	}
	r.skipSpace()
	if !r.take(':') {
		return "", nil, false
	}
	if fields {
		if at := slices.Index(r.fields.names, name); at >= 0 {
			r.next = at + 1
			field = &r.found[at]
		}
	}
	return name, field, true
}

func (r *reader) list(depth int) bool {
	if depth > MaxDepth {
		return false
	}
	r.at++
	r.skipSpace()
	if r.take(']') {
		return true
	}
	for {
		var item Value
		if !r.value(depth+1, &item) {
			return false
		}
		r.skipSpace()
		if r.take(']') {
			return true
		}
		if !r.take(',') {
			return false
		}
		r.skipSpace()
	}
}

func (r *reader) literal(word string) bool {
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
	rest := r.text[r.at:]
	n := 0
	for n < len(rest) && isDigit(rest[n]) {
		n++
	}
	r.at += n
	return n > 0
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// names is the set of names of one object so far. Up to eight are compared one by one, more are
// kept in a map, so that the cost of an object is linear in its length.
type names struct {
	few  [8]string
	n    int
	many map[string]struct{}
	// expected is how many names there may be, so that many need not grow. It is set for the
	// outermost object only, of which there is one: the total would not be linear otherwise.
	expected int
}

// add adds name and reports whether it was present before.
func (s *names) add(name string) bool {
	if s.many != nil {
		_, found := s.many[name]
		s.many[name] = struct{}{}
		return found
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
	s.many = make(map[string]struct{}, max(s.expected, 2*len(s.few)))
	for _, known := range s.few {
		s.many[known] = struct{}{}
	}
	s.many[name] = struct{}{}
	return false
}
