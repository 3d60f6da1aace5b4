package envelope

import (
	"strconv"

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

// Object appends a member.
func (o *Object) Object(name string, value *Object) {
	o.text = append(o.member(name), value.Bytes()...)
}

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
	if o.text == nil {
		o.text = append(make([]byte, 0, 512), '{')
	} else {
		o.text = append(o.text, ',')
	}
	o.text = append(append(o.text, '"'), name...)
	return append(o.text, `":`...)
}

// Bytes ends the object, which must have a member, and returns it.
func (o *Object) Bytes() []byte { return append(o.text, '}') }
