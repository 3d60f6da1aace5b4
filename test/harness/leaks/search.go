// Package leaks searches what leaves a service for text that must not leave it: secrets, and what
// identifies clients. Only tests import it.
package leaks

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/offload/sessiond/test/harness"
)

// Search searches everything that leaves a service, except successful responses, for text that came
// in.
type Search struct {
	// Forbidden maps descriptions to the texts that must not be found.
	Forbidden map[string]string
	// Places maps descriptions to the texts that are searched.
	Places map[string]string
}

// New returns a search without texts and places.
func New() *Search {
	return &Search{Forbidden: map[string]string{}, Places: map[string]string{}}
}

// Mark returns a distinct text that must not be found.
func (s *Search) Mark(name string) string {
	mark := fmt.Sprintf("forbidden%dQ%dZ", len(s.Forbidden), 7919*(len(s.Forbidden)+13))
	s.Forbidden[name] = mark
	return mark
}

// Add adds a complete response to the places.
func (s *Search) Add(name string, answer harness.Response) {
	var text strings.Builder
	for header, values := range answer.Header {
		fmt.Fprintf(&text, "%s: %s\n", header, strings.Join(values, "\n"))
	}
	s.Places["answer: "+name] = text.String() + answer.Body
}

// Found returns what was found, and where.
func (s *Search) Found() []string {
	var found []string
	for name, forbidden := range s.Forbidden {
		for form, trace := range traces(forbidden) {
			for place, text := range s.Places {
				if strings.Contains(text, trace) {
					found = append(found, fmt.Sprintf("%s, %s, in %s", name, form, place))
				}
			}
		}
	}
	return found
}

// traces returns the forms in which a text could leak.
func traces(text string) map[string]string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err) // marshaling a string cannot fail
	}
	forms := map[string]string{
		"as it is":          text,
		"trimmed":           strings.TrimSpace(text),
		"as JSON":           strings.Trim(string(quoted), `"`),
		"quoted":            strings.Trim(strconv.QuoteToASCII(text), `"`),
		"as a query":        url.QueryEscape(text),
		"as a path":         url.PathEscape(text),
		"in hex":            hex.EncodeToString([]byte(text)),
		"in upper-case hex": strings.ToUpper(hex.EncodeToString([]byte(text))),
		"percent-encoded":   percent(text),
	}
	for shift := range 3 {
		forms[fmt.Sprintf("in base64, by %d", shift)] = inBase64(base64.RawStdEncoding, text, shift)
		forms[fmt.Sprintf("in base64url, by %d", shift)] = inBase64(base64.RawURLEncoding, text,
			shift)
	}
	return forms
}

// percent percent-encodes every byte.
func percent(text string) string {
	var all strings.Builder
	for _, c := range []byte(text) {
		fmt.Fprintf(&all, "%%%02X", c)
	}
	return all.String()
}

// inBase64 returns the part of a base64 encoding that depends on text alone, when text is preceded
// by shift other bytes.
func inBase64(encoding *base64.Encoding, text string, shift int) string {
	encoded := encoding.EncodeToString([]byte(strings.Repeat("\x00", shift) + text))
	if (shift+len(text))%3 != 0 {
		encoded = encoded[:len(encoded)-1]
	}
	return encoded[(shift*8+5)/6:]
}
