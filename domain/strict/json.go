package strict

import (
	"errors"
	"strings"
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
	raw     string // as written
	members []Member
	kind    Kind
	escaped bool // a string whose content is not written as it is
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

// Text returns the content of a string; ok is false for any other type. It allocates if the string
// is written with escapes.
func (v Value) Text() (text string, ok bool) {
	if v.kind != String {
		return "", false
	}
	return content(v.raw, v.escaped), true
}

// Members returns the members of an object in their order, including repeated names. They are kept
// for the outermost object only.
func (v Value) Members() []Member { return v.members }

// Items returns the values of a list in their order, with their members if they are objects; ok is
// false for any other type.
func (v Value) Items() (items []Value, ok bool) {
	if v.kind != List {
		return nil, false
	}
	r := reader{text: v.raw}
	at := skipSpace(r.text, 1)
	for byteAt(r.text, at) != ']' {
		items = append(items, Value{})
		at = skipSpace(r.text, r.value(at, 1, &items[len(items)-1], nil)) // valid
		if byteAt(r.text, at) == ',' {
			at = skipSpace(r.text, at+1)
		}
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
func Parse(text string) (Document, error) { return parse(reader{text: text}, nil) }

func parse(r reader, found []Found) (Document, error) {
	r.whole = true
	var d Document
	if r.document(&d.Value, found) < len(r.text) {
		return Document{}, ErrJSON
	}
	d.Repeated = r.repeated
	return d, nil
}

// reader parses a text. Its methods, and the functions that they call, take the index where a part
// of the text begins and return the index where it ends, or a negative number made by malformed.
// Indices are parameters and results, not fields, so that they stay in registers.
type reader struct {
	text     string
	repeated int
	// whole is true for a whole text, which has one outermost object.
	whole bool
	// fields is set by Fields.Parse, which keeps no members, and next is the index of the field
	// that is expected next. The values found are a parameter, not a field, so that they can be on
	// the caller's stack. Only the outermost object gets them.
	fields *Fields
	next   int
}

// malformed returns the end of a part that is malformed at an index: the complement of the index.
func malformed(at int) int { return ^at }

// byteAt returns the byte at an index, or 0 outside of text: no JSON token starts with 0.
func byteAt(text string, at int) byte {
	if uint(at) < uint(len(text)) {
		return text[at]
	}
	return 0
}

func skipSpace(text string, at int) int {
	for at < len(text) && text[at] <= ' ' && isSpace(text[at]) {
		at++
	}
	return at
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// document reads a value, and the white space around it, into v, which is zero before.
func (r *reader) document(v *Value, found []Found) int {
	end := r.value(skipSpace(r.text, 0), 1, v, found)
	if end < 0 {
		return end
	}
	return skipSpace(r.text, end)
}

// value reads a value into v, which is zero before.
func (r *reader) value(at, depth int, v *Value, found []Found) int {
	end := malformed(at)
	switch c := byteAt(r.text, at); {
	case c == '"':
		v.kind = String
		end, v.escaped = stringEnd(r.text, at)
	case c == '-' || isDigit(c):
		v.kind = Number
		end = numberEnd(r.text, at)
	case c == '{':
		v.kind = Object
		v.members, end = r.object(at, depth, found)
	case c == '[':
		v.kind = List
		end = r.list(at, depth)
	case c == 't':
		v.kind = Boolean
		end = literalEnd(r.text, at, "true")
	case c == 'f':
		v.kind = Boolean
		end = literalEnd(r.text, at, "false")
	case c == 'n':
		v.kind = Null
		end = literalEnd(r.text, at, "null")
	}
	if end >= 0 {
		v.raw = r.text[at:end]
	}
	return end
}

func (r *reader) object(at, depth int, found []Found) (members []Member, end int) {
	if depth > MaxDepth {
		return nil, malformed(at)
	}
	if first := skipSpace(r.text, at+1); byteAt(r.text, first) == '}' {
		return nil, first + 1
	}
	o := object{start: at}
	for {
		end = at
		if found != nil {
			end = r.expected(at, found)
		}
		if end == at {
			end = r.member(at, depth, &o, found)
		}
		if end < 0 {
			return nil, end
		}
		at = skipSpace(r.text, end)
		switch byteAt(r.text, at) {
		case '}':
			return o.members, at + 1
		case ',':
		default:
			return nil, malformed(at)
		}
	}
}

// object is an object so far.
type object struct {
	start   int
	members []Member
	seen    names
}

// member reads the member behind the brace or the comma at an index.
func (r *reader) member(at, depth int, o *object, found []Found) int {
	at = skipSpace(r.text, at+1)
	if byteAt(r.text, at) != '"' {
		return malformed(at)
	}
	end, escaped := stringEnd(r.text, at)
	if end < 0 {
		return end
	}
	name := content(r.text[at:end], escaped)
	if at = skipSpace(r.text, end); byteAt(r.text, at) != ':' {
		return malformed(at)
	}
	at = skipSpace(r.text, at+1)
	var field *Found
	if found != nil {
		field = r.field(name, found)
	}
	if field != nil && field.raw == "" {
		return r.value(at, depth+1, &field.Value, nil)
	}
	var value Value
	if at = r.value(at, depth+1, &value, nil); at < 0 {
		return at
	}
	if depth == 1 && r.whole && o.seen.n == len(o.seen.few) {
		// an estimate: as if all members were as long as those so far
		o.seen.expected = o.seen.n * (len(r.text) - o.start) / (at - o.start)
	}
	if field != nil {
		field.Repeated++
	}
	repeated := field != nil || o.seen.add(name)
	if repeated {
		r.repeated++
	}
	if depth == 1 && r.fields == nil {
		o.members = append(o.members, Member{Name: name, Value: value, Repeated: repeated})
	}
	return at
}

func (r *reader) list(at, depth int) int {
	if depth > MaxDepth {
		return malformed(at)
	}
	if at = skipSpace(r.text, at+1); byteAt(r.text, at) == ']' {
		return at + 1
	}
	for {
		var item Value
		if at = r.value(at, depth+1, &item, nil); at < 0 {
			return at
		}
		at = skipSpace(r.text, at)
		switch byteAt(r.text, at) {
		case ']':
			return at + 1
		case ',':
			at = skipSpace(r.text, at+1)
		default:
			return malformed(at)
		}
	}
}

func literalEnd(text string, at int, word string) int {
	if !strings.HasPrefix(text[at:], word) {
		return malformed(at)
	}
	return at + len(word)
}

// numberEnd reads a number (RFC 8259 §6): no plus sign, no leading zero, a digit on both sides of
// the point.
func numberEnd(text string, at int) int {
	if text[at] == '-' {
		at++
	}
	if byteAt(text, at) == '0' {
		at++
	} else {
		at = digitsEnd(text, at)
	}
	if at >= 0 && byteAt(text, at) == '.' {
		at = digitsEnd(text, at+1)
	}
	if at < 0 || byteAt(text, at)|0x20 != 'e' { // or E
		return at
	}
	at++
	if sign := byteAt(text, at); sign == '+' || sign == '-' {
		at++
	}
	return digitsEnd(text, at)
}

// digitsEnd reads one digit or more.
func digitsEnd(text string, at int) int {
	end := at
	for end < len(text) && isDigit(text[end]) {
		end++
	}
	if end == at {
		return malformed(at)
	}
	return end
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// names is the set of names of one object so far. Up to eight are compared one by one, more are
// kept in a map, so that the cost of an object is linear in its length.
type names struct {
	few  [8]string
	n    int
	many map[string]struct{}
	// expected is an estimate of the number of names, so that many need not grow. It is set for the
	// outermost object only: for every object, the total would not be linear in the text's length.
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
