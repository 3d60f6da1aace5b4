package token_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/token"
	"github.com/offload/sessiond/test/vectors"
)

// payloadOf returns the decoded first segment of a token.
func payloadOf(t testing.TB, text string) string {
	t.Helper()
	first, _, _ := strings.Cut(text, ".")
	payload, err := base64.RawURLEncoding.DecodeString(first)
	require.NoError(t, err)
	return string(payload)
}

// TestSignMatchesDeployedTokens signs the claims of the plain token of the contract: not a byte may
// differ.
func TestSignMatchesDeployedTokens(t *testing.T) {
	group := vectors.Groups()[0]
	plain := group.Cases[0]
	require.Equal(t, "plain", plain.Name)
	keyring := keyringOf(t, group)
	settings := session.Settings{Issuer: group.Issuer, Audience: group.Audience,
		Lifetime: settings.Lifetime}
	signer, ok := keyring.SignerAt(group.Now.Time)
	require.True(t, ok)
	claims := settings.Claims(installID(t, plain.InstallID), signer.ID(),
		group.Now.Add(999_999_999))
	assert.Equal(t, plain.Token, token.Sign(claims, signer))
}

func TestSignWritesClaimsInOrder(t *testing.T) {
	claims := settings.Claims(installID(t, "install-12345"), kid.ID(), noon)
	text := token.Sign(claims, kid)
	assert.Equal(t, valid().json(), payloadOf(t, text))
	assert.Equal(t, signed(valid().json()), text)
}

// TestSignEscapesOnlyWhatIsRequired checks that only what RFC 8259 requires is escaped, to keep
// tokens short.
func TestSignEscapesOnlyWhatIsRequired(t *testing.T) {
	for text, want := range map[string]string{
		`say "hello"`:            `say \"hello\"`,
		`back\slash`:             `back\\slash`,
		"</script>&'":            "</script>&'",
		"caf\u00e9 \U0001f511 x": "caf\u00e9 \U0001f511 x",
		"line\u2028separator":    "line\u2028separator",
		"replacement \ufffd":     "replacement \ufffd",
	} {
		claims := settings.Claims(installID(t, text), kid.ID(), noon)
		signed := token.Sign(claims, kid)
		assert.Contains(t, payloadOf(t, signed), `"install_id":"`+want+`","exp"`)
		read, err := token.Verify(signed, keyring, settings, noon)
		require.NoError(t, err)
		assert.Equal(t, text, read.InstallID.Text())
	}
	odd := session.Settings{
		Issuer: "a\x00\x1f\n\x7f", Audience: "\u0085", Lifetime: settings.Lifetime,
	}
	signed := token.Sign(odd.Claims(installID(t, "install-12345"), kid.ID(), noon), kid)
	assert.Contains(t, payloadOf(t, signed), `"iss":"a\u0000\u001f\u000a`+"\x7f"+`","aud":"`+
		"\u0085"+`"`)
	_, err := token.Verify(signed, keyring, odd, noon)
	assert.NoError(t, err)
}

// TestRejectsOtherKeyWithSameID checks that a token signed by one key is rejected under another key
// with the same id.
func TestRejectsOtherKeyWithSameID(t *testing.T) {
	claims := settings.Claims(installID(t, "install-12345"), kid.ID(), noon)
	text := token.Sign(claims, kid)
	other := mustKeyring(keys.NewHS256("kid", []byte("a secret that only tests know."),
		keys.Plan{SignFrom: noon}))
	_, err := token.Verify(text, other, settings, noon)
	assert.Equal(t, &token.Rejection{Reason: token.ReasonSignature}, err)
}
