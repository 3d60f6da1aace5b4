package config

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/offload/sessiond/domain/clientaddr"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/ports"
)

// enumerations holds the types whose values are words from a fixed list, with all values. The zero
// value is the default of a variable.
var enumerations = map[reflect.Type][]fmt.Stringer{
	reflect.TypeFor[ports.ThrottleMode](): values(ports.ThrottleModes()),
	reflect.TypeFor[ports.StorageKind]():  values(ports.StorageKinds()),
	reflect.TypeFor[ports.OutagePolicy](): values(ports.OutagePolicies()),
	reflect.TypeFor[ports.LogLevel]():     values(ports.LogLevels()),
	reflect.TypeFor[ports.LogFormat]():    values(ports.LogFormats()),
	reflect.TypeFor[session.Binding]():    values(session.Bindings()),
	reflect.TypeFor[clientaddr.Header]():  values(clientaddr.Headers()),
}

// values returns all as a list of Stringers.
func values[W fmt.Stringer](all []W) []fmt.Stringer {
	list := make([]fmt.Stringer, 0, len(all))
	for _, value := range all {
		list = append(list, value)
	}
	return list
}

// setWord sets a field to the value whose word is text, in any case. It returns false if there is
// none.
func setWord(field reflect.Value, text string) bool {
	for _, value := range enumerations[field.Type()] {
		if strings.EqualFold(value.String(), text) {
			field.Set(reflect.ValueOf(value))
			return true
		}
	}
	return false
}

// words returns the allowed values of an enumeration, or "" for other variables.
func (v variable) words() string {
	var words []string
	for _, value := range enumerations[v.kind] {
		words = append(words, value.String())
	}
	return strings.Join(words, " or ")
}
