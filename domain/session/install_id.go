// Package session holds what a session is: an installation, the request that asks for one, and the eight claims.
//
// A session proves that its holder once knew the install id, and no more. Values are parsed once; whoever holds one need not
// check it again. It imports keys for their ids, failure, and the standard library.
package session

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of an install id, in code points.
const (
	MinInstallID = 8
	MaxInstallID = 128
)

// InstallID is the installation that a session belongs to, exactly as the client sent it: never trimmed, never normalised.
// The zero value is no installation. An install id is no credential; neither may it reach a log, an error or a metric.
type InstallID struct {
	_ [0]func() // no ==, which would compare where two texts lie
	// text lies behind a pointer, so that no format verb shows it: fmt asks no unexported field of another type for its String,
	// but neither does it follow a pointer to a string.
	text *string
}

// ParseInstallID takes text for an install id. The rule that it breaks is RuleLength, RuleCharacters or RuleBlank, in that
// order; RuleNone means that it breaks none.
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

// Text is the id as it was sent.
func (id InstallID) Text() string {
	if id.text == nil {
		return ""
	}
	return *id.text
}

// Equal tells whether both are the same installation, code point for code point.
func (id InstallID) Equal(other InstallID) bool { return id.Text() == other.Text() }

// String hides the id.
func (InstallID) String() string { return "[install id]" }

// GoString hides the id.
func (InstallID) GoString() string { return "[install id]" }

// blank tells whether text is White_Space (Unicode) alone.
func blank(text string) bool {
	return strings.TrimSpace(text) == ""
}
