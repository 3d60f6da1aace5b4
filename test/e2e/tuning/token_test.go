package tuning_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/cli"
	"github.com/offload/sessiond/domain/token"
	"github.com/offload/sessiond/test/harness"
)

// thumbprint is that of a device key (RFC 7638 §3.1).
const thumbprint = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"

// payload returns a payload that is accepted until the year 2286, with changes: a name and a value,
// which may be empty for a claim that is missing.
func payload(changes ...string) string {
	claims := [][2]string{{"v", "2"}, {"kid", `"v2-default"`}, {"iat", "1771243200"},
		{"nbf", "1771243200"}, {"iss", `"offload-backend"`}, {"aud", `"offload-ios"`},
		{"install_id", `"install-12345"`}, {"exp", "9999999999"}}
	var parts []string
	for _, claim := range claims {
		for i := 0; i < len(changes); i += 2 {
			if changes[i] == claim[0] {
				claim[1] = changes[i+1]
			}
		}
		if claim[1] != "" {
			parts = append(parts, `"`+claim[0]+`":`+claim[1])
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// rejected returns one token for each reason, and one that is accepted for the empty reason.
func rejected() map[token.Reason]string {
	forge := func(changes ...string) string {
		return harness.ForgeToken(payload(changes...), harness.StrongSecret)
	}
	jws := func(header string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." +
			base64.RawURLEncoding.EncodeToString([]byte(payload())) + "." +
			strings.Repeat("A", 86)
	}
	sound := forge()
	first, _, _ := strings.Cut(sound, ".")
	return map[token.Reason]string{
		"":                          sound,
		token.ReasonMissing:         "Bearer ",
		token.ReasonCredentials:     "Bearer " + sound + " " + sound,
		token.ReasonTooLong:         strings.Repeat("A", 5000),
		token.ReasonSegments:        first,
		token.ReasonEncoding:        sound + "=",
		token.ReasonSignatureLength: first + ".AAAA",
		token.ReasonJSON:            harness.ForgeToken(payload()+"}", harness.StrongSecret),
		token.ReasonHeader:          jws(`{"alg":"none","kid":"v2-default"}`),
		token.ReasonUnknownKey:      forge("kid", `"other"`),
		token.ReasonAlgorithm:       jws(`{"alg":"EdDSA","kid":"v2-default","typ":"JWT"}`),
		token.ReasonSignature:       harness.ForgeToken(payload(), harness.OtherSecret),
		token.ReasonClaimMissing:    forge("nbf", ""),
		token.ReasonClaimType:       forge("exp", `"9999999999"`),
		token.ReasonClaimBounds:     forge("install_id", `"short"`),
		token.ReasonVersion:         forge("v", "1"),
		token.ReasonBinding:         forge("install_id", `"`+thumbprint+`"`),
		token.ReasonIssuer:          forge("iss", `"other"`),
		token.ReasonAudience:        forge("aud", `"other\u001b[2J"`),
		token.ReasonInstants:        forge("iat", "1771243201"),
		token.ReasonNotYetValid:     forge("iat", "9999999000", "nbf", "9999999000"),
		token.ReasonExpired:         forge("exp", "1771246800"),
	}
}

// inspect runs token inspect in a process, with text as its standard input.
func inspect(t *testing.T, env harness.Env, text string, args ...string) (int, string) {
	t.Helper()
	command := exec.Command(harness.Binary(t), append([]string{"token", "inspect"}, args...)...)
	command.Env = []string{}
	for name, value := range env {
		command.Env = append(command.Env, name+"="+value)
	}
	command.Stdin = strings.NewReader(text)
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit)
		return exit.ExitCode(), string(out)
	}
	return 0, string(out)
}

var distance = regexp.MustCompile(`(in )?\d+ days( ago)?`)

// TestInspectEachReason inspects one token of each reason.
func TestInspectEachReason(t *testing.T) {
	env := harness.Env{"OFFLOAD_SESSION_SECRET": harness.StrongSecret,
		"OFFLOAD_SESSION_BINDING": "accept"}
	tokens := rejected()
	var text strings.Builder
	for _, reason := range append([]token.Reason{""}, token.Reasons()...) {
		given, has := tokens[reason]
		require.True(t, has, "no token for %s", reason)
		status, out := inspect(t, env, given+"\n")
		assert.Equal(t, reason != "", status == 1, reason)
		name := string(reason)
		if reason == "" {
			name = "accepted"
		}
		fmt.Fprintf(&text, "== %s ==\n%s[exit status %d]\n\n", name,
			distance.ReplaceAllString(out, "DISTANCE"), status)
		assert.NotContains(t, out, "\x1b")
		if _, signature, _ := strings.Cut(given, "."); len(signature) > 8 {
			assert.NotContains(t, out, signature)
		}

		status, out = inspect(t, env, given, "--format", "json")
		var report cli.TokenReport
		require.NoError(t, json.Unmarshal([]byte(out), &report))
		assert.Equal(t, string(reason), report.Reason)
		assert.Equal(t, report.Accepted, status == 0)
	}
	golden(t, "inspected.txt", text.String())
}

// TestInspectBound inspects the token of a session that is bound to a key, with each binding, as it
// stands in a header.
func TestInspectBound(t *testing.T) {
	claims := strings.TrimSuffix(payload("v", "3", "aud", `"offload-ios:bound"`, "install_id",
		`"`+thumbprint+`"`), "}")
	given := "DPoP " + harness.ForgeToken(claims+`,"cnf":{"jkt":"`+thumbprint+`"}}`,
		harness.StrongSecret)
	for binding, want := range map[string]string{"off": "would be rejected: version",
		"accept": "would be accepted", "require": "would be accepted"} {
		env := harness.Env{"OFFLOAD_SESSION_SECRET": harness.StrongSecret,
			"OFFLOAD_SESSION_BINDING": binding}
		_, out := inspect(t, env, given)
		assert.Contains(t, out, want, binding)
		assert.Equal(t, binding != "off", strings.Contains(out,
			"note: the session is bound to a device key: each request needs a proof of it as well"))
	}
}

func TestInspectWithoutKeys(t *testing.T) {
	for _, env := range []harness.Env{nil, {"OFFLOAD_ENVIRONMENT": "production"}} {
		status, out := inspect(t, env, rejected()[token.ReasonSignature])
		assert.Equal(t, 1, status)
		assert.Contains(t, out, " 8  not made")
		assert.Contains(t, out, "The token passes all checks that need no key.")
		status, out = inspect(t, env, rejected()[token.ReasonExpired])
		assert.Equal(t, 1, status)
		assert.Contains(t, out, "rejected: expired")
	}
}

func TestInspectUsage(t *testing.T) {
	given := rejected()[""]
	env := []string{"OFFLOAD_SESSION_SECRET=" + harness.StrongSecret}
	for _, args := range [][]string{{given}, {"bearer  " + given}, {"--format=json", given}} {
		status, out, stderr := run(t, env, append([]string{"token", "inspect"}, args...)...)
		assert.Zero(t, status, args)
		assert.NotEmpty(t, out)
		assert.Empty(t, stderr)
	}
	for _, args := range [][]string{{""}, {" "}, {given, given}} {
		status, out, stderr := run(t, env, append([]string{"token", "inspect"}, args...)...)
		assert.Equal(t, 64, status, args)
		assert.Empty(t, out)
		assert.Equal(t, 1, strings.Count(stderr, "\n"))
	}
	status, out, stderr := run(t, []string{"OFFLOAD_SESSION_TOKEN_ISSUER="}, "token", "inspect",
		given)
	assert.Equal(t, 1, status)
	assert.Empty(t, out)
	assert.Contains(t, stderr, "OFFLOAD_SESSION_TOKEN_ISSUER")
}
