package config

import (
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The texts that replace a secret.
const (
	shownSet    = "[set]"
	shownNotSet = "[not set]"
	hidden      = "[secret]"
)

// Secret holds bytes that no formatting, logging or encoding shows. The zero value is empty.
type Secret struct {
	// This is a pointer because fmt calls no methods of a value in an unexported field, or if the
	// verb does not fit: it then prints all fields, and of a pointer only the address.
	text *string
}

// NewSecret returns a Secret that holds text.
func NewSecret(text string) Secret { return Secret{text: &text} }

// Bytes returns a copy of the secret.
func (s Secret) Bytes() []byte {
	if s.text == nil {
		return nil
	}
	return []byte(*s.text)
}

// Format implements fmt.Formatter. It hides the secret for every verb.
func (Secret) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, hidden) }

// String implements fmt.Stringer. It hides the secret.
func (Secret) String() string { return hidden }

// GoString implements fmt.GoStringer. It hides the secret.
func (Secret) GoString() string { return hidden }

// MarshalText implements encoding.TextMarshaler. It hides the secret.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// LogValue implements slog.LogValuer. It hides the secret.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// maxShown is the maximum number of bytes of a name, path or value that are shown.
const maxShown = 200

// shown returns text in a form that is safe for a terminal and a log line: quoted if it contains
// unprintable characters, and truncated if it is long.
func shown(text string) string {
	cut, ending := text, ""
	if len(cut) > maxShown {
		cut = cut[:maxShown]
		for len(cut) > 0 && !utf8.RuneStart(text[len(cut)]) {
			cut = cut[:len(cut)-1]
		}
		ending = "…"
	}
	if !utf8.ValidString(cut) || strings.ContainsFunc(cut, func(c rune) bool {
		return !strconv.IsPrint(c)
	}) {
		cut = strconv.Quote(cut)
	}
	return cut + ending
}
