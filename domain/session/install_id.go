// Package session defines a session: an installation, the request for a session, and the claims.
//
// A session proves only that its holder once knew the install id, unless it is bound to a device
// key: then the install id is the key's thumbprint, and each use proves possession of the key.
// Values are validated when they are parsed; code that holds one need not check it again. The
// package imports keys for key ids, strict, failure, and the standard library.
package session

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/strict"
)

// Bounds of an install id, in code points.
const (
	MinInstallID = 8
	MaxInstallID = 128
)

// InstallID identifies the installation that a session belongs to, exactly as the client sent it:
// never trimmed, never normalized. The zero value is no installation. An install id is not a
// credential, but it must not appear in a log, an error or a metric either.
type InstallID struct {
	_ [0]func() // prevents ==, which would compare the pointers
	// text is behind a pointer so that no format verb shows it: fmt does not call the String method
	// of a value in an unexported field of another type, but it does not follow a pointer to a
	// string either.
	text *string
}

// ParseInstallID parses text as an install id. It returns the rule that text violates, checked in
// this order: RuleLength, RuleCharacters, RuleBlank. RuleNone means that text is valid.
func ParseInstallID(text string) (InstallID, Rule) {
	n := len(text)
	// The code points of nearly every install id need not be looked at.
	printable := strict.Printable(text)
	if !printable {
		n = utf8.RuneCountInString(text)
	}
	switch {
	case n < MinInstallID || n > MaxInstallID:
		return InstallID{}, RuleLength
	case !printable && (strings.ContainsFunc(text, unicode.IsControl) || !utf8.ValidString(text)):
		return InstallID{}, RuleCharacters
	case isBlank(text):
		return InstallID{}, RuleBlank
	}
	kept := text
	return InstallID{text: &kept}, RuleNone
}

// Text returns the id as it was sent.
func (id InstallID) Text() string {
	if id.text == nil {
		return ""
	}
	return *id.text
}

// Equal reports whether both ids are the same, code point for code point.
func (id InstallID) Equal(other InstallID) bool { return id.Text() == other.Text() }

// IsThumbprint reports whether the id has the form of the thumbprint of a device key. An id that a
// client drew at random may have it too.
func (id InstallID) IsThumbprint() bool { return keys.IsThumbprint(id.Text()) }

// String implements fmt.Stringer. It does not reveal the id.
func (InstallID) String() string { return "[install id]" }

// GoString implements fmt.GoStringer. It does not reveal the id.
func (InstallID) GoString() string { return "[install id]" }

// isBlank reports whether text consists of Unicode White_Space only.
func isBlank(text string) bool {
	return strings.TrimSpace(text) == ""
}
