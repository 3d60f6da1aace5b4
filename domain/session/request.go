package session

import (
	"strings"
	"unicode/utf8"

	"github.com/offload/sessiond/domain/failure"
)

// Bounds of app_version and of platform, in code points.
const (
	MinLabel = 1
	MaxLabel = 32
)

// Field is a member of a request that can be invalid.
type Field string

// The fields, in the order in which they are reported. FieldBody is the body as a whole.
const (
	FieldInstallID  Field = "install_id"
	FieldAppVersion Field = "app_version"
	FieldPlatform   Field = "platform"
	FieldBody       Field = "body"
)

// Rule is the rule that a field violates: a stable word that reveals nothing about the value.
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

// Violation is one rule that one field violates.
type Violation struct {
	Field Field
	Rule  Rule
}

// Bounds returns the least and the greatest number of code points that the field may have. ok is
// false unless the rule is RuleLength.
func (v Violation) Bounds() (least, greatest int, ok bool) {
	switch {
	case v.Rule != RuleLength:
		return 0, 0, false
	case v.Field == FieldInstallID:
		return MinInstallID, MaxInstallID, true
	}
	return MinLabel, MaxLabel, true
}

// Violations is everything that is wrong with a request, at most one violation for each field, in
// the order of the fields. It is an error of kind failure.Validation.
type Violations []Violation

// Error implements error. It names fields and rules, never a value.
func (v Violations) Error() string {
	words := make([]string, 0, len(v))
	for _, violation := range v {
		words = append(words, string(violation.Field)+": "+string(violation.Rule))
	}
	return "request: " + strings.Join(words, ", ")
}

// FailureKind implements failure.Kinded.
func (Violations) FailureKind() failure.Kind { return failure.Validation }

// Input is one member of a request as it was received: its text, or the rule that was violated
// before there was a text (RuleRequired, RuleType, RuleDuplicate).
type Input struct {
	Text     string
	Violated Rule
}

// Request is a valid request for a session. It is created by NewRequest only.
type Request struct{ installID InstallID }

// InstallID returns the installation that requests a session.
func (r Request) InstallID() InstallID { return r.installID }

// NewRequest validates what a client sent. It fails with Violations, which list all that is wrong.
// App version and platform are validated and then discarded, because nothing uses them yet. Lengths
// are in code points. body is the rule that the body as a whole violates, usually RuleNone.
func NewRequest(installID, appVersion, platform Input, body Rule) (Request, error) {
	id, violated := ParseInstallID(installID.Text)
	if installID.Violated != RuleNone {
		violated = installID.Violated
	}
	var violations Violations
	for _, found := range []Violation{
		{FieldInstallID, violated},
		{FieldAppVersion, checkLabel(appVersion)},
		{FieldPlatform, checkLabel(platform)},
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

// checkLabel returns the rule that app_version or platform violates.
func checkLabel(input Input) Rule {
	if input.Violated != RuleNone {
		return input.Violated
	}
	if n := utf8.RuneCountInString(input.Text); n < MinLabel || n > MaxLabel {
		return RuleLength
	}
	if isBlank(input.Text) {
		return RuleBlank
	}
	return RuleNone
}
