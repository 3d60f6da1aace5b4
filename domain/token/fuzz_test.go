package token_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/strict"
	"github.com/offload/sessiond/domain/token"
	"github.com/offload/sessiond/test/vectors"
)

// FuzzVerify reads any text under a keyring of both algorithms: it never panics, and what it accepts is the one text of its bytes, in the
// form of its key.
func FuzzVerify(f *testing.F) {
	for _, group := range vectors.Groups() {
		for i, c := range group.Cases {
			if i%16 == 0 {
				f.Add(c.Token)
			}
		}
	}
	for _, text := range []string{
		"", ".", "..", "...", signed(sound().json()), jws(jwsHeader, pairSound().json(), pair),
		jws(jwsHeader, sound().json(), pair),
		jws(`{"alg":"EdDSA","kid":"waiting"}`, sound().with("kid", `"waiting"`).json(), waiting),
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { assertVerdict(t, text) })
}

// FuzzSigned signs any header and payload in either form, for no fuzzer forges a signature, and holds what is accepted against the
// standard library's reading.
func FuzzSigned(f *testing.F) {
	for _, group := range vectors.Groups() {
		for i, c := range group.Cases {
			if segments := strings.Split(c.Token, "."); i%16 == 0 && len(segments) > 1 {
				header, _ := strict.DecodeBase64(segments[0])
				payload, _ := strict.DecodeBase64(segments[len(segments)-2])
				f.Add(string(header), string(payload))
			}
		}
	}
	for _, payload := range []members{sound(), pairSound(), pairSound().with("v", "2.0"),
		append(pairSound(), [2]string{"sub", "{}"})} {
		f.Add(jwsHeader, payload.json())
		f.Add(`{"kid":"pair","\u0061lg":"EdDSA"}`, payload.json())
	}
	f.Fuzz(func(t *testing.T, header, payload string) {
		assertVerdict(t, signed(payload))
		text := jws(header, payload, pair)
		if !assertVerdict(t, text) {
			return
		}
		var named map[string]string
		require.NoError(t, json.Unmarshal([]byte(header), &named),
			"a member of the header that is no text")
		if typ, given := named["typ"]; given {
			assert.Equal(t, "JWT", typ)
			delete(named, "typ")
		}
		assert.Equal(t, map[string]string{"alg": "EdDSA", "kid": "pair"}, named)
	})
}

// assertVerdict verifies text at noon, and tells whether it was accepted.
func assertVerdict(t *testing.T, text string) bool {
	t.Helper()
	claims, err := token.Verify(text, both, settings, noon)
	if err != nil {
		rejection, ok := errors.AsType[*token.Rejection](err)
		require.True(t, ok)
		assert.Contains(t, token.Reasons(), rejection.Reason)
		assert.Equal(t, session.Claims{}, claims)
		return false
	}
	require.LessOrEqual(t, len(text), token.MaxLength)
	segments := strings.Split(text, ".")
	for _, segment := range segments {
		assert.NotEmpty(t, segment)
		assertOneText(t, segment)
	}
	key, verifies := both.VerifierAt(claims.KeyID, noon)
	require.True(t, verifies)
	assert.Equal(t, map[keys.Algorithm]int{keys.HS256: 2, keys.EdDSA: 3}[key.Algorithm()],
		len(segments))
	payload, err := strict.DecodeBase64(segments[len(segments)-2])
	require.NoError(t, err)
	assertClaims(t, payload, claims)
	again, err := token.Verify(token.Sign(claims, key), both, settings, noon)
	require.NoError(t, err)
	assert.Equal(t, claims, again, "what was read is written, and read to the same")
	return true
}

// assertClaims holds claims against the standard library's reading of the payload.
func assertClaims(t *testing.T, payload []byte, claims session.Claims) {
	t.Helper()
	require.True(t, utf8.Valid(payload))
	var all map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(payload, &all))
	var install, kid string
	require.NoError(t, json.Unmarshal(all["install_id"], &install))
	require.NoError(t, json.Unmarshal(all["kid"], &kid))
	assert.Equal(t, install, claims.InstallID.Text())
	assert.Equal(t, kid, string(claims.KeyID))
	assert.Equal(t, "2", string(all["v"]))
	for name, got := range map[string]session.Unix{"iat": claims.IssuedAt, "nbf": claims.NotBefore,
		"exp": claims.ExpiresAt} {
		var want session.Unix
		require.NoError(t, json.Unmarshal(all[name], &want))
		assert.Equal(t, want, got, name)
	}
	assert.LessOrEqual(t, claims.IssuedAt, claims.NotBefore)
	assert.False(t, claims.NotBefore.Time().After(noon))
	assert.True(t, claims.ExpiresAt.Time().After(noon))
	assert.Equal(t, [2]string{settings.Issuer, settings.Audience},
		[2]string{claims.Issuer, claims.Audience})
}
