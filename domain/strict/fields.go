package strict

import (
	"slices"
	"strings"
)

// Fields are names of members that are looked for in many texts.
type Fields struct {
	names   []string
	written []string // as most texts have them: quoted, and with the colon
}

// NewFields returns fields with these names, no two of which are the same.
func NewFields(names ...string) *Fields {
	f := &Fields{names: names}
	for _, name := range names {
		f.written = append(f.written, string(append(AppendString(nil, name), ':')))
	}
	return f
}

// Found is the value of a field: the first one if there are several, and one with an empty Raw if
// there is none.
type Found struct {
	Value
	// Repeated is how many more values there are.
	Repeated int
}

// Parse parses text as the function Parse does. It stores each field of the outermost object in
// found, in the order of the names. The document has no members, but counts those that are
// repeated, whatever their names. Memory for members is bounded, whatever the text: objects that
// have these members alone need none. The same order takes least time.
func (f *Fields) Parse(text string, found []Found) (Document, error) {
	clear(found)
	return parse(reader{text: text, fields: f}, found)
}

// expected reads members behind the brace or the comma at an index, as long as they are the fields
// in their order, each once and without white space before it: that is how most texts are written.
// It returns the index itself if there are none.
func (r *reader) expected(at int, found []Found) int {
	for ; r.next < len(found); r.next++ {
		written, field := r.fields.written[r.next], &found[r.next]
		if field.raw != "" || !strings.HasPrefix(r.text[at+1:], written) {
			break
		}
		at = r.value(skipSpace(r.text, at+1+len(written)), 2, &field.Value, nil)
		if byteAt(r.text, at) != ',' {
			r.next++
			break
		}
	}
	return at
}

// field returns where the member with a name is kept; nil if it is none of the fields.
func (r *reader) field(name string, found []Found) *Found {
	index := slices.Index(r.fields.names, name)
	if index < 0 {
		return nil
	}
	r.next = index + 1
	return &found[index]
}
