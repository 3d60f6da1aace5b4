package token_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/failure"
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
			text, err := token.FromAuthorization(c.values)
			assert.Equal(t, c.want, text)
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

func TestChallenge(t *testing.T) {
	challenges := map[failure.Kind]string{}
	for _, kind := range failure.Kinds() {
		if challenge := token.Challenge(kind); challenge != "" {
			challenges[kind] = challenge
		}
	}
	assert.Equal(t, map[failure.Kind]string{
		failure.Unauthorized: `Bearer realm="offload"`,
		failure.InvalidToken: `Bearer realm="offload", error="invalid_token"`,
		failure.ExpiredToken: `Bearer realm="offload", error="invalid_token", error_description="expired"`,
	}, challenges)
}
