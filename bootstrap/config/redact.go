package config

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The texts that replace a secret.
const (
	shownSet    = "[set]"
	shownNotSet = "[not set]"
	hidden      = "[secret]"
	// withheld replaces a value that looks like a secret, of a variable that holds none.
	withheld = "[not shown: it may be a secret]"
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
	cut, ending := truncated(text)
	if !utf8.ValidString(cut) || strings.ContainsFunc(cut, func(c rune) bool {
		return !strconv.IsPrint(c)
	}) {
		cut = strconv.Quote(cut)
	}
	return cut + ending
}

// truncated returns the beginning of text that is shown, and an ellipsis if that is not all.
func truncated(text string) (cut, ending string) {
	if len(text) <= maxShown {
		return text, ""
	}
	cut = text[:maxShown]
	for len(cut) > 0 && !utf8.RuneStart(text[len(cut)]) {
		cut = cut[:len(cut)-1]
	}
	return cut, "…"
}

// The forms by which mayBeSecret recognizes a secret in the wrong variable.
const (
	pemHeader = "-----BEGIN"
	// shortestKey is the length of the shortest text that is accepted as a key. keyAlphabet holds
	// the characters of the encodings that generators of keys use.
	shortestKey = 32
	keyAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-"
)

// mayBeSecret reports whether text contains a PEM header or something that could be a key.
func mayBeSecret(text string) bool {
	if strings.Contains(text, pemHeader) {
		return true
	}
	run := 0
	for i := range len(text) {
		if !strings.Contains(keyAlphabet, text[i:i+1]) {
			run = 0
		} else if run++; run == shortestKey {
			return true
		}
	}
	return false
}

// quotedUnlessSecret returns text as the end of a sentence about it. It returns "" if text may be a
// secret or an address with a password or a parameter, or is empty.
func quotedUnlessSecret(text string) string {
	if text == "" || mayBeSecret(text) || strings.Contains(text, "@") ||
		isAddress(text) && strings.ContainsAny(text, "?#") {
		return ""
	}
	cut, ending := truncated(text)
	return ": " + strconv.Quote(cut) + ending
}

// ShownError returns the text of an error about an address that a variable holds. If the address
// may be a secret, it withholds the text, which quotes the address. The path of a socket is not a
// secret.
func ShownError(address string, err error) string {
	if mayBeSecret(address) && !isSocket(address) {
		return withheld
	}
	return err.Error()
}

// ShownPath returns the name of a file in a form that is safe for a terminal and a log line. It
// withholds a name that may be a secret, unless the file exists, or its folder exists and the last
// element of the name may not be a secret.
func ShownPath(name string) string {
	if mayBeSecret(name) && !exists(name) &&
		(mayBeSecret(filepath.Base(name)) || !exists(filepath.Dir(name))) {
		return withheld
	}
	return shown(name)
}

// fileRemedy returns the remedy for a file that cannot be used. If its name may be a secret, its
// content was probably pasted in place of its name.
func fileRemedy(name, remedy string) string {
	if ShownPath(name) == withheld {
		return "give the name of a file, not its content"
	}
	return remedy
}

// exists reports whether there is a file of that name, without following a link.
func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}
