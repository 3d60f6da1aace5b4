package envelope

import (
	"strconv"
	"time"

	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/strict"
)

// Object writes a JSON object, member by member. It is for the responses that are sent most;
// encoding/json takes ten times as long. Names of members must need no escapes.
type Object struct{ text []byte }

// Text appends a member.
func (o *Object) Text(name, value string) {
	o.text = strict.AppendString(o.member(name), value)
}

// Number appends a member.
func (o *Object) Number(name string, value int64) {
	o.text = strconv.AppendInt(o.member(name), value, 10)
}

// Instant appends a member: a time as FormatInstant formats it.
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

// List appends a member.
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

// member begins a member.
func (o *Object) member(name string) []byte {
	switch {
	case len(o.text) == 0:
		if o.text == nil {
			o.text = make([]byte, 0, 512)
		}
		o.text = append(o.text, '{')
	case o.text[len(o.text)-1] != '{': // which no value ends with
		o.text = append(o.text, ',')
	}
	o.text = append(append(o.text, '"'), name...)
	return append(o.text, `":`...)
}

// Bytes ends the object, which must have a member, and returns it.
func (o *Object) Bytes() []byte { return append(o.text, '}') }
