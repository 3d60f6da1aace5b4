package config

import (
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What is shown in place of a secret.
const (
	shownSet    = "[set]"
	shownNotSet = "[not set]"
	hidden      = "[secret]"
)

// Secret is bytes that no format, log or encoding shows. The zero value is empty.
type Secret struct {
	// A pointer, for fmt asks no method of a value that lies in an unexported field, or that the verb does not fit: then it
	// prints all fields, and of this one the address.
	text *string
}

// NewSecret hides text.
func NewSecret(text string) Secret { return Secret{text: &text} }

// Bytes is a copy of what is hidden.
func (s Secret) Bytes() []byte {
	if s.text == nil {
		return nil
	}
	return []byte(*s.text)
}

// Format hides the secret from every verb of fmt.
func (Secret) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, hidden) }

// String hides the secret.
func (Secret) String() string { return hidden }

// GoString hides the secret.
func (Secret) GoString() string { return hidden }

// MarshalText hides the secret from encoders.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// LogValue hides the secret from log/slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// maxShown is the most bytes of a name, path or value that are shown.
const maxShown = 200

// shown is text that a terminal and a log line can take, whatever it was: quoted where anything in it does not print, and cut
// where it is long.
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
