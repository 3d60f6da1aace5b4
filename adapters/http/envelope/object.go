package envelope

import (
	"strconv"
	"time"

	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/strict"
)

// Object writes a JSON object, member by member. It is for the responses that are sent most,
// because encoding/json takes ten times as long. The names of members are written as they are, so
// they must not need escapes.
type Object struct{ text []byte }

// Text appends a member whose value is a string.
func (o *Object) Text(name, value string) {
	o.text = strict.AppendString(o.member(name), value)
}

// Number appends a member whose value is an integer.
func (o *Object) Number(name string, value int64) {
	o.text = strconv.AppendInt(o.member(name), value, 10)
}

// Instant appends a member whose value is a time, in the format of FormatInstant.
func (o *Object) Instant(name string, value session.Unix) {
	o.text = append(o.member(name), '"')
	o.text = append(value.Time().AppendFormat(o.text, instantFormat), '"')
}

// instantFormat has no fraction, which the ISO 8601 decoders of clients reject.
const instantFormat = time.RFC3339

// FormatInstant returns a time as RFC 3339 in UTC without a fraction.
func FormatInstant(at session.Unix) string { return at.Time().Format(instantFormat) }

// Begin begins a member that is an object. The members that follow are its own, until End.
func (o *Object) Begin(name string) { o.text = append(o.member(name), '{') }

// End ends the object that Begin began last, which must have a member.
func (o *Object) End() { o.text = append(o.text, '}') }

// List appends a member whose value is a list of objects. It ends each of values as Bytes does.
func (o *Object) List(name string, values []Object) {
	o.text = append(o.member(name), '[')
	for i := range values {
		if i > 0 {
			o.text = append(o.text, ',')
		}
		o.text = append(o.text, values[i].Bytes()...)
	}
	o.text = append(o.text, ']')
}

// member begins a member, and the object or a comma before it. It returns the text so far.
func (o *Object) member(name string) []byte {
	switch {
	case len(o.text) == 0:
		if o.text == nil {
			o.text = make([]byte, 0, 512)
		}
		o.text = append(o.text, '{')
	case o.text[len(o.text)-1] != '{': // no value ends with a brace that opens
		o.text = append(o.text, ',')
	}
	o.text = append(append(o.text, '"'), name...)
	return append(o.text, `":`...)
}

// Bytes ends the object, which must have a member, and returns its text. The Object must not be
// used afterwards.
func (o *Object) Bytes() []byte { return append(o.text, '}') }
