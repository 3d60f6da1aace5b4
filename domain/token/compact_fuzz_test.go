package token_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/token"
	"github.com/offload/sessiond/test/vectors"
)

// FuzzVerifyCompact verifies each text twice: as a token, and as the payload of a token with a
// valid signature, which no fuzzer finds by chance. The seeds are the tokens of the contract and
// their payloads.
func FuzzVerifyCompact(f *testing.F) {
	for _, group := range vectors.Groups() {
		for _, c := range group.Cases {
			f.Add(c.Token)
			first, _, _ := strings.Cut(c.Token, ".")
			if payload, err := base64.RawURLEncoding.DecodeString(first); err == nil {
				f.Add(string(payload))
			}
		}
	}
	group := vectors.Groups()[0]
	keyring := keyringOf(f, group)
	settings := session.Settings{Issuer: group.Issuer, Audience: group.Audience}
	signer, ok := keyring.SignerAt(group.Now.Time)
	require.True(f, ok)
	f.Fuzz(func(t *testing.T, text string) {
		for _, text := range []string{text, signedBy(signer, text)} {
			claims, err := token.Verify(text, keyring, settings, group.Now.Time)
			if err != nil {
				assert.Equal(t, session.Claims{}, claims)
				continue
			}
			checkAccepted(t, text, keyring, settings, claims, group.Now.Time)
		}
	})
}

// checkAccepted checks an accepted token against the standard library: it is the only text for its
// bytes, its payload matches the claims, and the claims signed again are accepted.
func checkAccepted(t *testing.T, text string, keyring *keys.Keyring, settings session.Settings,
	claims session.Claims, now time.Time) {
	t.Helper()
	require.LessOrEqual(t, len(text), token.MaxLength)
	segments := strings.Split(text, ".")
	require.Len(t, segments, 2)
	for _, segment := range segments {
		decoded, err := base64.RawURLEncoding.DecodeString(segment)
		require.NoError(t, err)
		assert.Equal(t, segment, base64.RawURLEncoding.EncodeToString(decoded))
	}
	decoder := json.NewDecoder(strings.NewReader(payloadOf(t, text)))
	decoder.UseNumber()
	var payload map[string]any
	require.NoError(t, decoder.Decode(&payload))
	assert.Equal(t, json.Number("2"), payload["v"])
	assert.Equal(t, string(claims.KeyID), payload["kid"])
	assert.Equal(t, settings.Issuer, payload["iss"])
	assert.Equal(t, settings.Audience, payload["aud"])
	assert.Equal(t, claims.InstallID.Text(), payload["install_id"])
	for name, instant := range map[string]session.Unix{"iat": claims.IssuedAt,
		"nbf": claims.NotBefore, "exp": claims.ExpiresAt} {
		number, ok := payload[name].(json.Number)
		require.True(t, ok)
		value, err := number.Int64()
		require.NoError(t, err)
		assert.Equal(t, value, int64(instant))
		assert.Regexp(t, "^(0|[1-9][0-9]{0,11})$", number.String())
	}
	assert.LessOrEqual(t, claims.IssuedAt, claims.NotBefore)
	assert.False(t, claims.NotBefore.Time().After(now))
	assert.True(t, claims.ExpiresAt.Time().After(now))
	assert.LessOrEqual(t, claims.ExpiresAt, session.MaxUnix)
	key, ok := keyring.VerifierAt(claims.KeyID, now)
	require.True(t, ok)
	again, err := token.Verify(token.Sign(claims, key), keyring, settings, now)
	require.NoError(t, err)
	assert.Equal(t, claims, again)
}

// FuzzIssue signs for any installation, issuer and audience that can be configured, and verifies
// the result.
func FuzzIssue(f *testing.F) {
	f.Add("install-12345", "offload-backend", "offload-ios", "kid", int64(1771243200), uint32(3600))
	f.Add(strings.Repeat("\U0001f511", 128), strings.Repeat(`"`, 255), strings.Repeat(`\`, 255),
		strings.Repeat("k", 64), int64(0), uint32(1))
	f.Add(`"\"\"\"\`, "\u2028", "\ufffd", ".", int64(253402300798), uint32(1))
	f.Add("caf\u00e9 e\u0301 \u200d", "</script>", "\x7e", "-", int64(1), uint32(31536000))
	f.Fuzz(func(t *testing.T, install, issuer, audience, kid string, second int64,
		lifetime uint32) {
		installID, violated := session.ParseInstallID(install)
		keyID, ok := keys.ParseID(kid)
		if violated != session.RuleNone || !ok || !isLabel(issuer) || !isLabel(audience) ||
			lifetime == 0 {
			return
		}
		if second < 0 || second+int64(lifetime) > int64(session.MaxUnix) {
			return
		}
		now := time.Unix(second, 999_999_999)
		key := keys.NewHS256(keyID, []byte("a secret"), keys.Plan{})
		keyring, err := keys.NewKeyring(key)
		require.NoError(t, err)
		settings := session.Settings{Issuer: issuer, Audience: audience,
			Lifetime: time.Duration(lifetime) * time.Second}
		claims := settings.Claims(installID, keyID, now)
		text := token.Sign(claims, key)
		assert.LessOrEqual(t, len(text), token.MaxLength)
		if !claims.Expired(now) {
			read, err := token.Verify(text, keyring, settings, now)
			require.NoError(t, err)
			assert.Equal(t, claims, read)
			checkAccepted(t, text, keyring, settings, read, now)
		}
		assert.Equal(t, text, token.Sign(claims, key), "Sign must be deterministic")
	})
}

// isLabel reports whether a text can be configured as issuer or audience.
func isLabel(text string) bool {
	return text != "" && len(text) <= 255 && utf8.ValidString(text) &&
		!strings.ContainsFunc(text, unicode.IsControl)
}
