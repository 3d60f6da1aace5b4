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

// FuzzVerify verifies any text with a keyring of every algorithm: Verify must not panic, and an
// accepted token must be the only text for its bytes, in the form of its key.
func FuzzVerify(f *testing.F) {
	for _, group := range vectors.Groups() {
		for i, c := range group.Cases {
			if i%16 == 0 {
				f.Add(c.Token)
			}
		}
	}
	for _, text := range []string{
		"", ".", "..", "...", signed(valid().json()), jws(jwsHeader, pairValid().json(), pair),
		jws(jwsHeader, valid().json(), pair), jws(pointHeader, pointValid().json(), point),
		withOtherS(f, jws(pointHeader, pointValid().json(), point)),
		jws(`{"alg":"EdDSA","kid":"waiting"}`, valid().with("kid", `"waiting"`).json(), waiting),
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { checkVerify(t, text) })
}

// FuzzSigned signs any header and payload in either form, because no fuzzer forges a signature, and
// compares what is accepted with the result of the standard library.
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
	for _, payload := range []members{valid(), pairValid(), pairValid().with("v", "2.0"),
		append(pairValid(), [2]string{"sub", "{}"})} {
		f.Add(jwsHeader, payload.json())
		f.Add(`{"kid":"pair","\u0061lg":"EdDSA"}`, payload.json())
	}
	f.Add(pointHeader, pointValid().json())
	f.Fuzz(func(t *testing.T, header, payload string) {
		checkVerify(t, signed(payload))
		assertReason(t, payload)
		for _, key := range []keys.Key{pair, point} {
			text := jws(header, payload, key)
			if !checkVerify(t, text) {
				continue
			}
			var named map[string]string
			require.NoError(t, json.Unmarshal([]byte(header), &named),
				"every header member must be a string")
			if typ, ok := named["typ"]; ok {
				assert.Equal(t, "JWT", typ)
				delete(named, "typ")
			}
			assert.Equal(t, map[string]string{"alg": string(key.Algorithm()), "kid": string(key.ID())},
				named)
		}
	})
}

// checkVerify verifies text at noon, checks the result, and reports whether it was accepted.
func checkVerify(t *testing.T, text string) bool {
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
	assert.Equal(t, map[keys.Form]int{keys.FormCompact: 2, keys.FormJWS: 3}[key.Form()],
		len(segments))
	payload, err := strict.DecodeBase64(segments[len(segments)-2])
	require.NoError(t, err)
	assertClaims(t, payload, claims)
	again, err := token.Verify(token.Sign(claims, key), both, settings, noon)
	require.NoError(t, err)
	assert.Equal(t, claims, again, "claims must survive signing and verification")
	return true
}

// assertClaims compares claims with the payload as decoded by the standard library.
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
