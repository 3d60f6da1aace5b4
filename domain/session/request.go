package session

import (
	"strings"
	"unicode/utf8"

	"github.com/offload/sessiond/domain/failure"
)

// MaxLabel is the maximum length of app_version and platform, in Unicode code points.
const MaxLabel = 32

// Field names a member of a request that can be invalid.
type Field string

// The fields, in the order in which they are reported. FieldBody is the body as a whole.
const (
	FieldInstallID  Field = "install_id"
	FieldAppVersion Field = "app_version"
	FieldPlatform   Field = "platform"
	FieldBody       Field = "body"
)

// Rule is the rule that a field violates: a stable word that does not depend on the value.
type Rule string

// The rules.
const (
	RuleNone       Rule = ""
	RuleRequired   Rule = "required"
	RuleType       Rule = "type"
	RuleLength     Rule = "length"
	RuleCharacters Rule = "characters"
	RuleBlank      Rule = "blank"
	RuleJSON       Rule = "json"
	RuleDuplicate  Rule = "duplicate"
)

// Violation is a rule that a field violates.
type Violation struct {
	Field Field
	Rule  Rule
}

// Violations lists everything that is wrong with a request, at most one rule for each field, in the
// order of the fields. It is an error of kind failure.Validation.
type Violations []Violation

// Error returns the fields and rules, never a value.
func (v Violations) Error() string {
	words := make([]string, 0, len(v))
	for _, violation := range v {
		words = append(words, string(violation.Field)+": "+string(violation.Rule))
	}
	return "request: " + strings.Join(words, ", ")
}

// FailureKind tells failure.Validation.
func (Violations) FailureKind() failure.Kind { return failure.Validation }

// Input is one member of a request as it arrived: its text, or the rule that it violated before it
// had one (RuleRequired, RuleType, RuleDuplicate).
type Input struct {
	Text     string
	Violated Rule
}

// Request asks for a session. Only NewRequest creates one.
type Request struct{ installID InstallID }

// InstallID returns the installation that asks.
func (r Request) InstallID() InstallID { return r.installID }

// NewRequest parses what a client sent. It fails with Violations, which lists all violations at
// once. The app version and the platform are validated and discarded, because nothing needs them
// yet. body is what is wrong with the body as a whole, usually RuleNone.
func NewRequest(installID, appVersion, platform Input, body Rule) (Request, error) {
	id, broke := ParseInstallID(installID.Text)
	if installID.Violated != RuleNone {
		broke = installID.Violated
	}
	var violations Violations
	for _, found := range []Violation{
		{FieldInstallID, broke},
		{FieldAppVersion, label(appVersion)},
		{FieldPlatform, label(platform)},
		{FieldBody, body},
	} {
		if found.Rule != RuleNone {
			violations = append(violations, found)
		}
	}
	if violations != nil {
		return Request{}, violations
	}
	return Request{installID: id}, nil
}

// label validates a short text that is not kept.
func label(given Input) Rule {
	if given.Violated != RuleNone {
		return given.Violated
	}
	if n := utf8.RuneCountInString(given.Text); n < 1 || n > MaxLabel {
		return RuleLength
	}
	if blank(given.Text) {
		return RuleBlank
	}
	return RuleNone
}
