package token_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/failure"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/token"
)

func TestFromAuthorization(t *testing.T) {
	for name, c := range map[string]struct {
		values []string
		want   string
		reason token.Reason
	}{
		"a token":                      {[]string{"Bearer a.b"}, "a.b", ""},
		"lower case":                   {[]string{"bearer a.b"}, "a.b", ""},
		"upper case":                   {[]string{"BEARER a.b"}, "a.b", ""},
		"mixed case":                   {[]string{"bEaReR a.b"}, "a.b", ""},
		"two spaces":                   {[]string{"Bearer  a.b"}, "a.b", ""},
		"many spaces":                  {[]string{"Bearer          a.b"}, "a.b", ""},
		"white space around the value": {[]string{" \tBearer a.b\t "}, "a.b", ""},
		"any text is a token": {[]string{"Bearer \xff,;=\"\u00a0"},
			"\xff,;=\"\u00a0", ""},
		"the scheme name as a token":          {[]string{"Bearer Bearer"}, "Bearer", ""},
		"no header":                           {nil, "", token.ReasonMissing},
		"no values":                           {[]string{}, "", token.ReasonMissing},
		"an empty header":                     {[]string{""}, "", token.ReasonMissing},
		"only white space":                    {[]string{" \t "}, "", token.ReasonMissing},
		"only the scheme":                     {[]string{"Bearer"}, "", token.ReasonMissing},
		"nothing after the scheme":            {[]string{"Bearer "}, "", token.ReasonMissing},
		"spaces after the scheme":             {[]string{"Bearer    "}, "", token.ReasonMissing},
		"another scheme":                      {[]string{"Basic a.b"}, "", token.ReasonMissing},
		"another scheme, two words":           {[]string{"Basic a b"}, "", token.ReasonMissing},
		"another scheme with the same prefix": {[]string{"BearerX a.b"}, "", token.ReasonMissing},
		"a prefix of the scheme":              {[]string{"Bear a.b"}, "", token.ReasonMissing},
		"a token without a scheme":            {[]string{"a.b"}, "", token.ReasonMissing},
		"a lookalike scheme": {[]string{"Be\u0430rer a.b"}, "",
			token.ReasonMissing},
		"no space":                   {[]string{"Bearera.b"}, "", token.ReasonMissing},
		"a tab instead of the space": {[]string{"Bearer\ta.b"}, "", token.ReasonMissing},
		"a colon after the scheme":   {[]string{"Bearer: a.b"}, "", token.ReasonMissing},
		"a tab after the space": {[]string{"Bearer \ta.b"}, "",
			token.ReasonCredentials},
		"a word after the token": {[]string{"Bearer a.b c"}, "",
			token.ReasonCredentials},
		"a tab and a word after the token": {[]string{"Bearer a.b\tc"}, "",
			token.ReasonCredentials},
		"two tokens": {[]string{"Bearer a.b a.b"}, "",
			token.ReasonCredentials},
		"two headers": {[]string{"Bearer a.b", "Bearer a.b"}, "",
			token.ReasonCredentials},
		"two headers, one empty": {[]string{"Bearer a.b", ""}, "",
			token.ReasonCredentials},
		"two headers, the other scheme": {[]string{"Basic x", "Bearer a.b"}, "",
			token.ReasonCredentials},
		"two empty headers": {[]string{"", ""}, "", token.ReasonCredentials},
		"three headers":     {[]string{"", "", ""}, "", token.ReasonCredentials},
	} {
		t.Run(name, func(t *testing.T) {
			presented, err := token.FromAuthorization(c.values, session.BindingOff)
			assert.Equal(t, token.Presented{Text: c.want}, presented)
			if c.reason == "" {
				assert.NoError(t, err)
				return
			}
			require.Equal(t, &token.Rejection{Reason: c.reason}, err)
			want := failure.InvalidToken
			if c.reason == token.ReasonMissing {
				want = failure.Unauthorized
			}
			assert.Equal(t, want, failure.KindOf(err))
		})
	}
}

// TestFromAuthorizationWithBinding covers the second scheme, which exists only where sessions can
// be bound.
func TestFromAuthorizationWithBinding(t *testing.T) {
	for name, c := range map[string]struct {
		value  string
		want   token.Presented
		reason token.Reason
	}{
		"a bearer token":       {"Bearer a.b", token.Presented{Text: "a.b"}, ""},
		"a bound token":        {"DPoP a.b", token.Presented{Scheme: token.SchemeDPoP, Text: "a.b"}, ""},
		"in lower case":        {"dpop   a.b", token.Presented{Scheme: token.SchemeDPoP, Text: "a.b"}, ""},
		"nothing after DPoP":   {"DPoP", token.Presented{}, token.ReasonMissing},
		"another scheme":       {"DPoPs a.b", token.Presented{}, token.ReasonMissing},
		"a word after the one": {"DPoP a.b c", token.Presented{}, token.ReasonCredentials},
	} {
		for _, binding := range session.Bindings() {
			presented, err := token.FromAuthorization([]string{c.value}, binding)
			want := &token.Rejection{Reason: c.reason,
				Bindable: binding.On() && c.reason == token.ReasonMissing}
			expected := c.want
			if !binding.On() && strings.HasPrefix(strings.ToLower(c.value), "dpop") {
				expected, want.Reason = token.Presented{}, token.ReasonMissing
			}
			assert.Equal(t, expected, presented, name)
			if want.Reason == "" {
				assert.NoError(t, err, name)
			} else {
				assert.Equal(t, want, err, "%s, binding %s", name, binding)
			}
		}
	}
}

// TestChallengesNameEveryAlgorithm compares the algorithms that challenges name with those that the
// key of a device can have.
func TestChallengesNameEveryAlgorithm(t *testing.T) {
	var want []string
	for _, algorithm := range keys.Algorithms() {
		if algorithm.Published() {
			want = append(want, string(algorithm))
		}
	}
	_, list, found := strings.Cut(token.Challenges(failure.InvalidProof, true)[0], `algs="`)
	require.True(t, found)
	assert.ElementsMatch(t, want, strings.Fields(strings.TrimSuffix(list, `"`)))
}

func TestChallenges(t *testing.T) {
	bearer, proof := map[failure.Kind][]string{
		failure.Unauthorized: {`Bearer realm="offload"`},
		failure.InvalidToken: {`Bearer realm="offload", error="invalid_token"`},
		failure.ExpiredToken: {
			`Bearer realm="offload", error="invalid_token", error_description="expired"`},
		failure.InvalidProof:       {`DPoP error="invalid_dpop_proof", algs="ES256 EdDSA"`},
		failure.ProofNonceRequired: {`DPoP error="use_dpop_nonce", algs="ES256 EdDSA"`},
	}, `DPoP algs="ES256 EdDSA"`
	for _, kind := range failure.Kinds() {
		assert.Equal(t, bearer[kind], token.Challenges(kind, false), kind.Code())
		want := bearer[kind]
		if kind == failure.Unauthorized {
			want = append(want, proof)
		}
		assert.Equal(t, want, token.Challenges(kind, true), kind.Code())
	}
}
