// Package session defines a session: an installation, the request for a session, and its eight
// claims.
//
// A session proves that its holder once knew the install id, and nothing else. Values are parsed
// once, so code that has one does not check it again. The package imports keys (for key ids),
// failure, and the standard library.
package session

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of an install id, in Unicode code points.
const (
	MinInstallID = 8
	MaxInstallID = 128
)

// InstallID identifies the installation that a session belongs to, exactly as the client sent it:
// never trimmed, never normalized. The zero value identifies none. An install id is not a
// credential, but it must not reach a log, an error or a metric.
type InstallID struct {
	_ [0]func() // prevents ==, which would compare pointers
	// text is behind a pointer so that no format verb prints it: fmt does not call String on
	// unexported fields, and does not follow a pointer to a string.
	text *string
}

// ParseInstallID parses an install id. It returns the first rule that text violates, of RuleLength,
// RuleCharacters and RuleBlank in that order, or RuleNone.
func ParseInstallID(text string) (InstallID, Rule) {
	if n := utf8.RuneCountInString(text); n < MinInstallID || n > MaxInstallID {
		return InstallID{}, RuleLength
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return InstallID{}, RuleCharacters
	}
	if blank(text) {
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

// Equal reports whether both ids have the same code points.
func (id InstallID) Equal(other InstallID) bool { return id.Text() == other.Text() }

// String hides the id.
func (InstallID) String() string { return "[install id]" }

// GoString hides the id.
func (InstallID) GoString() string { return "[install id]" }

// blank reports whether text consists only of Unicode White_Space.
func blank(text string) bool {
	return strings.TrimSpace(text) == ""
}
