package session_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/failure"
	"github.com/offload/sessiond/domain/session"
)

// given returns the input of a member with a text.
func given(text string) session.Input { return session.Input{Text: text} }

// broken returns the input of a member that violates rule before it has a text.
func broken(rule session.Rule) session.Input { return session.Input{Violated: rule} }

func TestNewRequest(t *testing.T) {
	for name, c := range map[string]struct{ installID, appVersion, platform string }{
		"plain":                   {"install-12345", "1.2.3", "ios"},
		"labels of one character": {"install-12345", "1", "x"},
		"labels of 32 characters": {"install-12345", strings.Repeat("1", 32),
			strings.Repeat("\U0001f511", 32)},
		"labels with controls":             {"install-12345", "1\n2", "\x00"},
		"labels with white space":          {"install-12345", " 1 ", "\tios"},
		"longest install id":               {strings.Repeat("\U0001f511", 128), "1", "ios"},
		"labels of marks and joiners only": {"install-12345", "\u0301", "\u200b"},
		"label of 31 spaces and a letter":  {"install-12345", strings.Repeat(" ", 31) + "a", "ios"},
		"install id with blank ends":       {"  install  ", "1", "ios"},
	} {
		t.Run(name, func(t *testing.T) {
			request, err := session.NewRequest(given(c.installID), given(c.appVersion),
				given(c.platform), session.RuleNone)
			require.NoError(t, err)
			assert.Equal(t, c.installID, request.InstallID().Text())
		})
	}
}

func TestNewRequestRefuses(t *testing.T) {
	good := given("good enough")
	for name, c := range map[string]struct {
		installID, appVersion, platform session.Input
		body                            session.Rule
		want                            string
	}{
		"install id too short": {given("1234567"), good, good, session.RuleNone,
			"install_id: length"},
		"install id with a control": {given("1234567\n"), good, good, session.RuleNone,
			"install_id: characters"},
		"install id blank": {given("        "), good, good, session.RuleNone,
			"install_id: blank"},
		"app version empty": {good, given(""), good, session.RuleNone,
			"app_version: length"},
		"app version of 33": {good, given(strings.Repeat("\u00e9", 33)), good,
			session.RuleNone, "app_version: length"},
		"app version blank": {good, given(" "), good, session.RuleNone,
			"app_version: blank"},
		"app version of controls only": {good, given("\t\r\n"), good, session.RuleNone,
			"app_version: blank"},
		"app version of 32 spaces": {good, given(strings.Repeat("\u3000", 32)), good,
			session.RuleNone, "app_version: blank"},
		"app version of 33 spaces": {good, given(strings.Repeat(" ", 33)), good,
			session.RuleNone, "app_version: length"},
		"platform empty": {good, good, given(""), session.RuleNone,
			"platform: length"},
		"platform blank": {good, good, given("\u2028"), session.RuleNone,
			"platform: blank"},
		"platform of 33": {good, good, given(strings.Repeat("p", 33)),
			session.RuleNone, "platform: length"},
		"install id missing": {broken(session.RuleRequired), good, good, session.RuleNone,
			"install_id: required"},
		"install id of another type": {broken(session.RuleType), good, good, session.RuleNone,
			"install_id: type"},
		"install id twice": {broken(session.RuleDuplicate), good, good,
			session.RuleNone, "install_id: duplicate"},
		"app version missing": {good, broken(session.RuleRequired), good, session.RuleNone,
			"app_version: required"},
		"platform of another type": {good, good, broken(session.RuleType), session.RuleNone,
			"platform: type"},
		"another member twice": {good, good, good, session.RuleDuplicate,
			"body: duplicate"},
		"earlier violation of a valid install id": {session.Input{Text: "install-12345",
			Violated: session.RuleDuplicate}, good, good, session.RuleNone,
			"install_id: duplicate"},
		"earlier violation of a valid label": {good,
			session.Input{Text: "1", Violated: session.RuleDuplicate}, good, session.RuleNone,
			"app_version: duplicate"},
		"all at once, in order": {
			given(""), broken(session.RuleRequired), given(" "), session.RuleDuplicate,
			"install_id: length, app_version: required, platform: blank, body: duplicate",
		},
		"first and last": {broken(session.RuleType), good, good, session.RuleDuplicate,
			"install_id: type, body: duplicate"},
	} {
		t.Run(name, func(t *testing.T) {
			request, err := session.NewRequest(c.installID, c.appVersion, c.platform, c.body)
			assert.Equal(t, session.Request{}, request, "must return a zero Request")
			var violations session.Violations
			require.ErrorAs(t, err, &violations)
			assert.Equal(t, "request: "+c.want, err.Error())
			assert.Equal(t, failure.Validation, failure.KindOf(fmt.Errorf("issue: %w", err)))
			seen := map[session.Field]bool{}
			for _, violation := range violations {
				assert.False(t, seen[violation.Field], "%s is reported twice", violation.Field)
				seen[violation.Field] = true
			}
		})
	}
}

func TestViolationBounds(t *testing.T) {
	for field, want := range map[session.Field][2]int{
		session.FieldInstallID:  {session.MinInstallID, session.MaxInstallID},
		session.FieldAppVersion: {session.MinLabel, session.MaxLabel},
		session.FieldPlatform:   {session.MinLabel, session.MaxLabel},
	} {
		least, greatest, ok := session.Violation{Field: field, Rule: session.RuleLength}.Bounds()
		assert.True(t, ok, "%s", field)
		assert.Equal(t, want, [2]int{least, greatest}, "%s", field)
		_, _, ok = session.Violation{Field: field, Rule: session.RuleBlank}.Bounds()
		assert.False(t, ok, "%s: only a length has bounds", field)
	}
}
