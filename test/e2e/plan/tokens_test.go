package plan_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// Phase 4: what a token must contain, and when it is valid. The tests write the tokens themselves,
// with valid signatures, so that only the claim in question is wrong.

// claim is a member of a payload: its name, and its value as JSON.
type claim struct{ name, value string }

// validClaims returns the claims of a session that starts at noon and lasts two minutes.
func validClaims() []claim {
	noon := harness.Noon.Unix()
	return []claim{
		{"v", "2"}, {"kid", `"v2-default"`}, {"iat", fmt.Sprint(noon)}, {"nbf", fmt.Sprint(noon)},
		{"iss", `"offload-backend"`}, {"aud", `"offload-ios"`}, {"install_id", `"install-12345"`},
		{"exp", fmt.Sprint(noon + 120)},
	}
}

// changed returns valid claims with one value changed, or without the claim if value is empty.
func changed(name, value string) []claim {
	var claims []claim
	for _, c := range validClaims() {
		if c.name == name {
			if value == "" {
				continue
			}
			c.value = value
		}
		claims = append(claims, c)
	}
	return claims
}

// signed returns a token with claims in the compact format.
func signed(claims []claim, secret string) string {
	members := make([]string, 0, len(claims))
	for _, c := range claims {
		members = append(members, fmt.Sprintf("%q:%s", c.name, c.value))
	}
	return harness.ForgeToken("{"+strings.Join(members, ",")+"}", secret)
}

// judge has a service verify a token. It returns the error code, empty if the token is valid, and
// the reason in the log.
func judge(t *testing.T, service *harness.InProcess, requestID, token string) (code,
	reason string) {
	t.Helper()
	answer := service.Current(t, harness.Bearer(token), harness.Header{"X-Request-ID", requestID})
	if answer.Status == http.StatusOK {
		return "", ""
	}
	line := service.Log.AwaitLine(t, requestID, func(line harness.Line) bool {
		return line.Event() == "token_rejected" && line.String("request_id") == requestID
	})
	return answer.Code(), line.String("reason")
}

func tokenService(t *testing.T, more harness.Env, now time.Time) *harness.InProcess {
	t.Helper()
	return harness.ServeAt(t, now, harness.Env{"OFFLOAD_SESSION_SECRET": harness.StrongSecret,
		"OFFLOAD_LOG_LEVEL": "debug"}.With(more))
}

func TestPhase4EachClaim(t *testing.T) {
	t.Parallel()
	service := tokenService(t, nil, harness.Noon)
	code, _ := judge(t, service, "sound", signed(validClaims(), harness.StrongSecret))
	require.Empty(t, code, "the valid claims")

	type wrong struct{ what, name, value, reason string }
	var table []wrong
	for _, c := range validClaims() {
		reason := "claim_missing"
		if c.name == "kid" {
			reason = "unknown_key"
		}
		table = append(table, wrong{"missing", c.name, "", reason})
	}
	// Values of another type.
	for _, name := range []string{"v", "iat", "nbf", "exp"} {
		number := "2"
		if name != "v" {
			number = fmt.Sprint(harness.Noon.Unix())
		}
		for what, value := range map[string]string{
			"text": `"` + number + `"`, "true": "true", "false": "false", "null": "null",
			"list": "[" + number + "]", "object": `{"a":1}`,
			"fraction": number + ".0", "half": number + ".5", "exponent": number + "e0",
			"minus": "-" + number, "minus zero": "-0", "empty text": `""`,
		} {
			table = append(table, wrong{what, name, value, "claim_type"})
		}
		for what, value := range map[string]string{
			"leading zero": "0" + number, "plus": "+" + number, "hex": "0x2",
			"not a number": "NaN", "infinite": "Infinity",
		} {
			table = append(table, wrong{what, name, value, "json"})
		}
		table = append(table,
			wrong{"after the year 9999", name, "253402300800", "claim_bounds"},
			wrong{"more than 64 bits", name, "18446744073709551618", "claim_bounds"},
			wrong{"endless", name, strings.Repeat("9", 400), "claim_bounds"},
		)
	}
	for _, name := range []string{"kid", "iss", "aud", "install_id"} {
		for what, value := range map[string]string{
			"number": "2", "true": "true", "null": "null", "list": `["offload-ios"]`,
			"object": `{"a":"b"}`,
		} {
			reason := "claim_type"
			if name == "kid" {
				reason = "unknown_key"
			}
			table = append(table, wrong{what, name, value, reason})
		}
	}
	table = append(table, []wrong{
		// Values of other services.
		{"version 1", "v", "1", "version"},
		{"version 3", "v", "3", "version"},
		{"version 0", "v", "0", "version"},
		{"another", "kid", `"v2-other"`, "unknown_key"},
		{"in another case", "kid", `"V2-default"`, "unknown_key"},
		{"with a blank", "kid", `"v2-default "`, "unknown_key"},
		{"empty", "kid", `""`, "unknown_key"},
		{"of another issuer", "iss", `"offload-backend-2"`, "issuer"},
		{"in another case", "iss", `"Offload-backend"`, "issuer"},
		{"with a blank", "iss", `" offload-backend"`, "issuer"},
		{"a part of it", "iss", `"offload"`, "issuer"},
		{"empty", "iss", `""`, "claim_bounds"},
		{"of another audience", "aud", `"offload-android"`, "audience"},
		{"in another case", "aud", `"OFFLOAD-IOS"`, "audience"},
		{"with a blank", "aud", `"offload-ios\n"`, "audience"},
		{"empty", "aud", `""`, "claim_bounds"},
		{"too short", "install_id", `"install"`, "claim_bounds"},
		{"too long", "install_id", `"` + strings.Repeat("i", 129) + `"`, "claim_bounds"},
		{"blank", "install_id", `"          "`, "claim_bounds"},
		{"with a control character", "install_id", `"install\u0000id"`, "claim_bounds"},
		{"with a line break", "install_id", `"install\nid"`, "claim_bounds"},
		{"empty", "install_id", `""`, "claim_bounds"},
		{"a lone surrogate", "install_id", `"install-\ud800"`, "json"},
		// Instants that contradict each other.
		{"after nbf", "iat", fmt.Sprint(harness.Noon.Unix() + 1), "instants"},
		{"at exp", "nbf", fmt.Sprint(harness.Noon.Unix() + 120), "instants"},
		{"after exp", "nbf", fmt.Sprint(harness.Noon.Unix() + 121), "instants"},
		{"at nbf", "exp", fmt.Sprint(harness.Noon.Unix()), "instants"},
		{"before nbf", "exp", fmt.Sprint(harness.Noon.Unix() - 1), "instants"},
		{"in the future", "nbf", fmt.Sprint(harness.Noon.Unix() + 3), "not_yet_valid"},
	}...)
	for n, wrong := range table {
		t.Run(wrong.name+" "+wrong.what, func(t *testing.T) {
			code, reason := judge(t, service, fmt.Sprintf("wrong-%d", n),
				signed(changed(wrong.name, wrong.value), harness.StrongSecret))
			assert.Equal(t, "invalid_token", code)
			assert.Equal(t, wrong.reason, reason)
		})
	}
}

func TestPhase4ValidVariations(t *testing.T) {
	t.Parallel()
	service := tokenService(t, nil, harness.Noon)
	noon := harness.Noon.Unix()
	for name, claims := range map[string][]claim{
		"another order": append(validClaims()[4:], validClaims()[:4]...),
		"unknown claims": append(validClaims(), claim{"user_id", `"u"`}, claim{"jti", "[1]"},
			claim{"V", "1"}, claim{"EXP", "1"}),
		"issued long before":  changed("iat", fmt.Sprint(noon-1000)),
		"issued at zero":      changed("iat", "0"),
		"nbf within the skew": changed("nbf", fmt.Sprint(noon+2)),
		"exp at its maximum":  changed("exp", "253402300799"),
		"an id of 128":        changed("install_id", `"`+strings.Repeat("ü", 128)+`"`),
		"an id in escapes":    changed("install_id", `"\u0069nstall-12345\ud83d\udd11"`),
	} {
		code, reason := judge(t, service, "passes", signed(claims, harness.StrongSecret))
		assert.Empty(t, code, "%s: %s", name, reason)
	}
	code, reason := judge(t, service, "passes",
		harness.ForgeToken(" "+strings.ReplaceAll(
			harness.PayloadOf(t, signed(validClaims(), harness.StrongSecret)), ",", " ,\n\t")+"\r\n",
			harness.StrongSecret))
	assert.Empty(t, code, "white space of JSON: %s", reason)
}

func TestPhase4WholePayloads(t *testing.T) {
	t.Parallel()
	service := tokenService(t, nil, harness.Noon)
	sound := harness.PayloadOf(t, signed(validClaims(), harness.StrongSecret))
	for n, wrong := range []struct{ what, token, reason string }{
		{"a token of version 1", harness.ForgeToken(
			`{"install_id":"install-12345","exp":1771243320}`, harness.StrongSecret),
			"unknown_key"},
		{"version 1 with a kid",
			harness.ForgeToken(`{"v":1,"kid":"v2-default","install_id":"install-12345","exp":1771243320}`,
				harness.StrongSecret), "claim_missing"},
		{"a claim twice", harness.ForgeToken(strings.Replace(sound, `"v":2`, `"v":2,"v":2`, 1),
			harness.StrongSecret), "json"},
		{"a claim twice in a nested object", harness.ForgeToken(
			strings.Replace(sound, `"v":2`, `"v":2,"x":{"a":1,"a":1}`,
				1), harness.StrongSecret), "json"},
		{"a claim twice, once escaped", harness.ForgeToken(
			strings.Replace(sound, `"v":2`, `"v":2,"\u0076":2`,
				1), harness.StrongSecret), "json"},
		{"text after the object", harness.ForgeToken(sound+"{}", harness.StrongSecret), "json"},
		{"a trailing comma", harness.ForgeToken(strings.Replace(sound, "}", ",}", 1),
			harness.StrongSecret), "json"},
		{"a comment", harness.ForgeToken(strings.Replace(sound, "}", "/**/}", 1),
			harness.StrongSecret), "json"},
		{"a byte order mark", harness.ForgeToken("\ufeff"+sound, harness.StrongSecret), "json"},
		{"bad UTF-8", harness.ForgeToken(strings.Replace(sound, "install-12345",
			"install-\xff12345", 1), harness.StrongSecret),
			"json"},
		{"65 levels deep", harness.ForgeToken(strings.Replace(sound, "}",
			`,"x":`+strings.Repeat("[", 64)+strings.Repeat("]", 64)+"}", 1), harness.StrongSecret),
			"json"},
		{"the object in a list", harness.ForgeToken("["+sound+"]", harness.StrongSecret), "json"},
		{"the object as a string", harness.ForgeToken(`"x"`, harness.StrongSecret), "json"},
		{"an empty object", harness.ForgeToken("{}", harness.StrongSecret), "unknown_key"},
		{"signed with another secret", harness.ForgeToken(sound, harness.OtherSecret), "signature"},
		{"signed with an empty secret", harness.ForgeToken(sound, ""), "signature"},
		{"signed over the decoded bytes", strings.Split(
			harness.ForgeToken(sound, harness.StrongSecret), ".")[0] + "." +
			macOf(sound), "signature"},
	} {
		code, reason := judge(t, service, fmt.Sprintf("payload-%d", n), wrong.token)
		assert.Equal(t, "invalid_token", code, wrong.what)
		assert.Equal(t, wrong.reason, reason, wrong.what)
	}
}

// macOf returns a signature over the decoded payload, which is the wrong input.
func macOf(payload string) string {
	mac := hmac.New(sha256.New, []byte(harness.StrongSecret))
	mac.Write([]byte(payload))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// TestPhase4ValidityPeriod shows that the service's own tokens are valid from nbf, less the clock
// skew, until just before exp.
func TestPhase4ValidityPeriod(t *testing.T) {
	t.Parallel()
	service := tokenService(t, harness.Env{"OFFLOAD_SESSION_TTL_SECONDS": "120"},
		harness.Noon.Add(999_999_999))
	session := service.Issue(t, "install-12345").Session(t)
	assert.Equal(t, "2026-02-16T12:02:00Z", session.ExpiresAt,
		"instants are whole seconds, rounded down")
	assert.Equal(t, 120, session.ExpiresIn)
	var current map[string]string
	service.Current(t, harness.Bearer(session.Token)).Decode(t, &current)
	assert.Equal(t, map[string]string{
		"install_id": "install-12345", "key_id": "v2-default", "issuer": "offload-backend",
		"audience":  "offload-ios",
		"issued_at": "2026-02-16T12:00:00Z", "not_before": "2026-02-16T12:00:00Z",
		"expires_at": "2026-02-16T12:02:00Z",
	}, current)
	for _, at := range []struct {
		wall time.Time
		code string
	}{
		{harness.Noon.Add(-time.Hour), "invalid_token"},
		{harness.Noon.Add(-2*time.Second - time.Nanosecond), "invalid_token"},
		{harness.Noon.Add(-2 * time.Second), ""},
		{harness.Noon, ""},
		{harness.Noon.Add(120*time.Second - time.Nanosecond), ""},
		{harness.Noon.Add(120 * time.Second), "expired_token"},
		{harness.Noon.Add(365 * 24 * time.Hour), "expired_token"},
		{harness.Noon.Add(time.Minute), ""},
	} {
		service.Clock.Step(at.wall.Sub(service.Clock.Now()))
		code, _ := judge(t, service, fmt.Sprint("at-", at.wall.UnixNano()), session.Token)
		assert.Equal(t, at.code, code, "%s", at.wall)
	}
	// Expiry is checked last: only a token that is valid in every other way is reported as expired.
	service.Clock.Step(harness.Noon.Add(time.Hour).Sub(service.Clock.Now()))
	for name, claims := range map[string][]claim{"issuer": changed("iss", `"x"`),
		"version": changed("v", "1"), "id": changed("install_id", `"x"`)} {
		code, _ := judge(t, service, "ended-"+name, signed(claims, harness.StrongSecret))
		assert.Equal(t, "invalid_token", code, name)
	}
	code, _ := judge(t, service, "ended", signed(validClaims(), harness.StrongSecret))
	assert.Equal(t, "expired_token", code)
}

// TestPhase4KeysIssuersAndAudiences shows that a service accepts the tokens of another only if
// their keys, issuers and audiences agree.
func TestPhase4KeysIssuersAndAudiences(t *testing.T) {
	t.Parallel()
	keys := func(active string) harness.Env {
		text, err := json.Marshal(map[string]string{"old": harness.StrongSecret,
			"new": harness.OtherSecret})
		require.NoError(t, err)
		return harness.Env{"OFFLOAD_SESSION_SIGNING_KEYS": string(text),
			"OFFLOAD_SESSION_TOKEN_ACTIVE_KID": active}
	}
	old, rotated := harness.Serve(t, keys("old")), harness.Serve(t, keys("new"))
	plain := harness.Serve(t, harness.Env{"OFFLOAD_SESSION_SECRET": harness.StrongSecret,
		"OFFLOAD_SESSION_TOKEN_ACTIVE_KID": "old"})
	renamed := harness.Serve(t, harness.Env{"OFFLOAD_SESSION_SECRET": harness.StrongSecret,
		"OFFLOAD_SESSION_TOKEN_ACTIVE_KID": "new"})
	issuer := harness.Serve(t, keys("old").With(
		harness.Env{"OFFLOAD_SESSION_TOKEN_ISSUER": "another"}))
	audience := harness.Serve(t, keys("old").With(
		harness.Env{"OFFLOAD_SESSION_TOKEN_AUDIENCE": " offload-android "}))
	for name, seen := range map[string]struct {
		issuer, verifier *harness.InProcess
		code             string
	}{
		"the new key after a rotation":     {rotated, rotated, ""},
		"the old key after a rotation":     {old, rotated, ""},
		"the new key before it signs":      {rotated, old, ""},
		"the same key in another encoding": {plain, rotated, ""},
		"a removed key":                    {rotated, plain, "invalid_token"},
		"the material under another name":  {plain, renamed, "invalid_token"},
		"another material, the same name":  {rotated, renamed, "invalid_token"},
		"another issuer's":                 {issuer, old, "invalid_token"},
		"for another issuer":               {old, issuer, "invalid_token"},
		"another audience's":               {audience, old, "invalid_token"},
		"for another audience":             {old, audience, "invalid_token"},
		"the issuer's own":                 {issuer, issuer, ""},
		"the audience's own":               {audience, audience, ""},
	} {
		seen.issuer.Clock.Advance(time.Minute) // another window
		seen.verifier.Clock.Step(seen.issuer.Clock.Now().Sub(seen.verifier.Clock.Now()))
		answer := seen.verifier.Current(t, harness.Bearer(seen.issuer.Token(t, "install-12345")))
		assert.Equal(t, seen.code, answer.Code(), name)
	}
}
