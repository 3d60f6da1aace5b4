package strict

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

// Parse parses text as the function Parse does. It stores the value of each field of the outermost
// object in values, in the order of the names: the first one if there are several, and one with an
// empty Raw if there is none. The document has no members, but counts those that are repeated.
// Objects that have these members alone need no memory of their own; the same order takes least
// time.
func (f *Fields) Parse(text string, values []Value) (Document, error) {
	clear(values)
	return parse(reader{text: text, drops: true, fields: f, values: values})
}
