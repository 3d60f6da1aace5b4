// Package session defines a session: an installation, the request for a session, and the claims.
//
// A session proves only that its holder once knew the install id, unless it is bound to a device
// key: then the install id is the key's thumbprint, and each use proves possession of the key.
// Values are validated when they are parsed; code that holds one need not check it again. The
// package imports keys for key ids, failure, and the standard library.
package session

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/offload/sessiond/domain/keys"
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
	n, hasControl := len(text), false
	if !isPrintable(text) {
		n, hasControl = utf8.RuneCountInString(text), strings.ContainsFunc(text, unicode.IsControl)
	}
	if n < MinInstallID || n > MaxInstallID {
		return InstallID{}, RuleLength
	}
	if hasControl || !utf8.ValidString(text) {
		return InstallID{}, RuleCharacters
	}
	if isBlank(text) {
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

// isPrintable reports whether text consists of the characters of ASCII that are no controls, as
// nearly every install id does: its code points need not be looked at.
func isPrintable(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// isBlank reports whether text consists of Unicode White_Space only.
func isBlank(text string) bool {
	return strings.TrimSpace(text) == ""
}
