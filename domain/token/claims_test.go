package token_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/token"
)

func TestVerifyReturnsClaims(t *testing.T) {
	claims, err := token.Verify(signed(valid().json()), keyring, settings, noon)
	require.NoError(t, err)
	assert.Equal(t, session.Claims{
		KeyID: "kid", IssuedAt: 1771243200, NotBefore: 1771243200, Issuer: "issuer",
		Audience:  "audience",
		InstallID: installID(t, "install-12345"), ExpiresAt: 1771243320,
	}, claims)
}

// TestRejectsMissingClaim removes each claim in turn, and adds it under a name that is not quite
// right.
func TestRejectsMissingClaim(t *testing.T) {
	for _, member := range valid() {
		name := member[0]
		want := token.ReasonClaimMissing
		if name == "kid" {
			want = token.ReasonUnknownKey // names no key, which is checked before
		}
		assert.Equal(t, want, reasonOf(t, signed(valid().without(name).json())), name)
		for _, other := range []string{strings.ToUpper(name), name + " ", " " + name,
			name + `\u0000`, name + "s", name[:len(name)-1], "_" + name} {
			renamed := append(valid().without(name), [2]string{other, member[1]})
			assert.Equal(t, want, reasonOf(t, signed(renamed.json())), "%q for %s", other, name)
		}
		nested := append(valid().without(name), [2]string{"claims", members{member}.json()})
		assert.Equal(t, want, reasonOf(t, signed(nested.json())), "%s in a nested object", name)
	}
	assert.Equal(t, token.ReasonUnknownKey, reasonOf(t, signed("{}")))
}

// TestRejectsClaimOfWrongType gives each claim every JSON type that it must not have.
func TestRejectsClaimOfWrongType(t *testing.T) {
	integers := []string{"v", "iat", "nbf", "exp"}
	texts := []string{"iss", "aud", "install_id"}
	for _, value := range []string{"null", "true", "false", "[]", "{}", "[2]", `["2"]`, `{"2":2}`,
		"[" + iat + "]"} {
		for _, name := range append(append([]string{}, integers...), texts...) {
			assert.Equal(t, token.ReasonClaimType,
				reasonOf(t, signed(valid().with(name, value).json())), "%s: %s", name, value)
		}
		assert.Equal(t, token.ReasonUnknownKey,
			reasonOf(t, signed(valid().with("kid", value).json())), "kid: %s", value)
	}
	for _, name := range integers {
		own := valid().value(name)
		for _, value := range []string{
			`""`, `"` + own + `"`, own + ".0", own + ".5", own + "e0", own + "E0", own + "e+0",
			own + "e-0", "-" + own, "-0", "-1", "0.0", "0e0",
			"1e3", "1E-3", "1.7712432e9", "-253402300800", "2.000000000000000000000000000001",
		} {
			assert.Equal(t, token.ReasonClaimType,
				reasonOf(t, signed(valid().with(name, value).json())), "%s: %s", name, value)
		}
	}
	for _, name := range append(texts, "kid") {
		for _, value := range []string{"0", "2", "-1", "2.5", iat} {
			want := token.ReasonClaimType
			if name == "kid" {
				want = token.ReasonUnknownKey
			}
			assert.Equal(t, want, reasonOf(t, signed(valid().with(name, value).json())), "%s: %s",
				name, value)
		}
	}
	assert.Equal(t, token.ReasonUnknownKey, reasonOf(t,
		signed(valid().with("kid", `["kid"]`).json())), "a list is not its item")
}

// value returns the value of the named member.
func (m members) value(name string) string {
	for _, member := range m {
		if member[0] == name {
			return member[1]
		}
	}
	return ""
}

func TestClaimBounds(t *testing.T) {
	long := strings.Repeat("a", 129)
	for _, c := range []struct {
		name, value string
		want        token.Reason
	}{
		{"v", "0", token.ReasonVersion},
		{"v", "1", token.ReasonVersion},
		{"v", "3", token.ReasonVersion},
		{"v", "22", token.ReasonVersion},
		{"v", "253402300799", token.ReasonVersion},
		{"v", "253402300800", token.ReasonClaimBounds},
		{"v", "18446744073709551618", token.ReasonClaimBounds}, // 2 if 64 bits overflow
		{"v", "02", token.ReasonJSON},
		{"iat", "0", ""},
		{"iat", "1771243199", ""},
		{"iat", "1771243201", token.ReasonInstants},
		{"iat", "253402300799", token.ReasonInstants},
		{"iat", "253402300800", token.ReasonClaimBounds},
		{"iat", "9223372036854775807", token.ReasonClaimBounds},
		{"iat", "9223372036854775808", token.ReasonClaimBounds},
		{"iat", "18446744075480794816", token.ReasonClaimBounds}, // noon if 64 bits overflow
		{"iat", "1" + strings.Repeat("0", 400), token.ReasonClaimBounds},
		{"iat", "01771243200", token.ReasonJSON},
		{"iat", "+1771243200", token.ReasonJSON},
		{"iat", "00", token.ReasonJSON},
		{"nbf", "1771243199", token.ReasonInstants}, // before iat
		{"nbf", "1771243201", token.ReasonNotYetValid},
		{"nbf", "1771243319", token.ReasonNotYetValid},
		{"nbf", "1771243320", token.ReasonInstants}, // not before exp
		{"nbf", "253402300800", token.ReasonClaimBounds},
		{"exp", "253402300799", ""},
		{"exp", "253402300800", token.ReasonClaimBounds},
		{"exp", "1771243201", ""},
		{"exp", "1771243200", token.ReasonInstants},
		{"exp", "1771243199", token.ReasonInstants},
		{"exp", "0", token.ReasonInstants},
		{"kid", `""`, token.ReasonUnknownKey},
		{"kid", `"Kid"`, token.ReasonUnknownKey},
		{"kid", `"kid "`, token.ReasonUnknownKey},
		{"kid", `"k\u0069d"`, ""},
		{"kid", `"k\u0131d"`, token.ReasonUnknownKey},
		{"kid", `"kid\u0000"`, token.ReasonUnknownKey},
		{"iss", `""`, token.ReasonClaimBounds},
		{"iss", `"Issuer"`, token.ReasonIssuer},
		{"iss", `"issuer "`, token.ReasonIssuer},
		{"iss", `"issuer\u0000"`, token.ReasonIssuer},
		{"iss", `"audience"`, token.ReasonIssuer},
		{"iss", `"\u0069ssuer"`, ""},
		{"aud", `""`, token.ReasonClaimBounds},
		{"aud", `"audienc"`, token.ReasonAudience},
		{"aud", `"audience,other"`, token.ReasonAudience},
		{"aud", `"AUDIENCE"`, token.ReasonAudience},
		{"aud", `"a\u0075dience"`, ""},
		{"install_id", `""`, token.ReasonClaimBounds},
		{"install_id", `"1234567"`, token.ReasonClaimBounds},
		{"install_id", `"12345678"`, ""},
		{"install_id", `"` + long[1:] + `"`, ""},
		{"install_id", `"` + long + `"`, token.ReasonClaimBounds},
		{"install_id", `"` + strings.Repeat("\U0001f511", 128) + `"`, ""},
		{"install_id", `"` + strings.Repeat(`\ud83d\udd11`, 128) + `"`, ""},
		{"install_id", `"` + strings.Repeat("\U0001f511", 129) + `"`, token.ReasonClaimBounds},
		{"install_id", `"        "`, token.ReasonClaimBounds},
		{"install_id", `"\u3000\u3000\u3000\u3000\u3000\u3000\u3000\u3000"`,
			token.ReasonClaimBounds},
		{"install_id", `"1234567\n"`, token.ReasonClaimBounds},
		{"install_id", `"1234567\u0000"`, token.ReasonClaimBounds},
		{"install_id", `"1234567\u007f"`, token.ReasonClaimBounds},
		{"install_id", `"1234567\u0085"`, token.ReasonClaimBounds},
		{"install_id", `" 123456 "`, ""},
		{"install_id", `"1234567\ud800"`, token.ReasonJSON},
	} {
		assert.Equal(t, c.want, reasonOf(t, signed(valid().with(c.name, c.value).json())), "%s: %s",
			c.name, c.value)
	}
}

// TestInstants covers check 11 around noon, with all other claims valid.
func TestInstants(t *testing.T) {
	for _, c := range []struct {
		iat, nbf, exp string
		want          token.Reason
	}{
		{"0", "0", "253402300799", ""},
		{"1771243200", "1771243200", "1771243201", ""},
		{"1771243199", "1771243200", "1771243201", ""},
		{"1771243200", "1771243199", "1771243201", token.ReasonInstants},
		{"1771243200", "1771243200", "1771243200", token.ReasonInstants},
		{"1771243201", "1771243201", "1771243201", token.ReasonInstants},
		{"1771243201", "1771243201", "1771243202", token.ReasonNotYetValid},
		{"1771243200", "1771243201", "1771243202", token.ReasonNotYetValid},
		{"1771243198", "1771243198", "1771243199", token.ReasonExpired},
		{"1771243199", "1771243199", "1771243200", token.ReasonExpired},
		{"0", "0", "1", token.ReasonExpired},
		{"0", "0", "0", token.ReasonInstants},
		{"1", "0", "1", token.ReasonInstants},
	} {
		payload := valid().with("iat", c.iat, "nbf", c.nbf, "exp", c.exp).json()
		assert.Equal(t, c.want, reasonOf(t, signed(payload)), "iat %s, nbf %s, exp %s",
			c.iat, c.nbf, c.exp)
	}
}

// TestPayload covers check 5, and what a payload may contain besides the claims.
func TestPayload(t *testing.T) {
	body := strings.TrimSuffix(valid().json(), "}")
	for name, c := range map[string]struct {
		payload string
		want    token.Reason
	}{
		"another order": {members{{"x", "1"}}.json()[:1] + `"exp":` + exp + "," +
			strings.TrimPrefix(valid().without("exp").json(), "{"), ""},
		"white space": {" {\r\n\t\"x\" : 1 ," + strings.TrimPrefix(body, "{") +
			"}\n ", ""},
		"unknown claims": {body +
			`,"user_id":"u","sub":5,"extra":{"a":[1,{"b":null}]},"":0}`, ""},
		"an escaped claim name": {strings.Replace(valid().json(), `"iss"`, `"\u0069ss"`, 1),
			""},
		"unknown claim of 64 levels": {body + `,"x":` + strings.Repeat("[", 63) +
			strings.Repeat("]", 63) + "}", ""},
		"unknown claim of 65 levels": {body + `,"x":` + strings.Repeat("[", 64) +
			strings.Repeat("]", 64) + "}", token.ReasonJSON},
		"a claim twice":                   {body + `,"iss":"issuer"}`, token.ReasonJSON},
		"a claim twice, once escaped":     {body + `,"\u0069ss":"issuer"}`, token.ReasonJSON},
		"an unknown claim twice":          {body + `,"x":1,"x":1}`, token.ReasonJSON},
		"a name twice in a nested object": {body + `,"x":[{"y":1,"y":1}]}`, token.ReasonJSON},
		"a name that differs in case":     {body + `,"Iss":"other"}`, ""},
		"a known name in a nested object": {body + `,"x":{"iss":"other","v":3}}`, ""},
		"lone surrogate, unknown claim":   {body + `,"x":"\udc00"}`, token.ReasonJSON},
		"invalid UTF-8, unknown claim":    {body + ",\"x\":\"\xff\"}", token.ReasonJSON},
		"byte order mark":                 {"\ufeff" + valid().json(), token.ReasonJSON},
		"text after":                      {valid().json() + "x", token.ReasonJSON},
		"NUL after":                       {valid().json() + "\x00", token.ReasonJSON},
		"two objects":                     {valid().json() + valid().json(), token.ReasonJSON},
		"inside a list":                   {"[" + valid().json() + "]", token.ReasonJSON},
		"a string": {`"` + strings.ReplaceAll(valid().json(), `"`, `\"`) + `"`,
			token.ReasonJSON},
		"null":                        {"null", token.ReasonJSON},
		"a number":                    {"2", token.ReasonJSON},
		"not closed":                  {body, token.ReasonJSON},
		"a backslash at the end":      {`{"\`, token.ReasonJSON},
		"a string that is not closed": {body + `,"x":"\`, token.ReasonJSON},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, reasonOf(t, signed(c.payload)))
		})
	}
}

// TestSettings verifies the same token with different settings.
func TestSettings(t *testing.T) {
	text := signed(valid().json())
	for _, c := range []struct {
		settings session.Settings
		want     token.Reason
	}{
		{session.Settings{Issuer: "issuer", Audience: "audience"}, ""},
		{session.Settings{Issuer: "issuer", Audience: "audience", Lifetime: time.Second,
			RenewalGrace: time.Hour}, ""},
		{session.Settings{Issuer: "", Audience: "audience"}, token.ReasonIssuer},
		{session.Settings{Issuer: "issuer", Audience: ""}, token.ReasonAudience},
		{session.Settings{Issuer: "audience", Audience: "issuer"}, token.ReasonIssuer},
	} {
		_, err := token.Verify(text, keyring, c.settings, noon)
		if c.want == "" {
			assert.NoError(t, err)
		} else {
			assert.Equal(t, &token.Rejection{Reason: c.want}, err)
		}
	}
}
