package peers_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
)

// claims holds the claims of a token as a peer reads or writes them.
type claims struct {
	V         int64  `json:"v"`
	Kid       string `json:"kid"`
	Iat       int64  `json:"iat"`
	Nbf       int64  `json:"nbf"`
	Iss       string `json:"iss"`
	Aud       string `json:"aud"`
	InstallID string `json:"install_id"`
	Exp       int64  `json:"exp"`
	Sub       string `json:"sub"`
}

// members returns the claims by name, for peers that take maps.
func (c claims) members(t testing.TB) map[string]any {
	t.Helper()
	text, err := json.Marshal(c)
	require.NoError(t, err)
	var all map[string]any
	require.NoError(t, json.Unmarshal(text, &all))
	for name, value := range all {
		if number, is := value.(float64); is {
			all[name] = int64(number)
		}
	}
	return all
}

// peer is a JOSE library, used as its documentation says.
type peer interface {
	// verify verifies a token with a published JWK Set, the issuer, the audience and the time. It
	// returns the claims as the library read them.
	verify(text, set string, now time.Time) (claims, error)
	// sign returns the claims as a JWS with the alg of the private key, kid and typ JWT.
	sign(t testing.TB, kid string, private crypto.Signer, c claims) string
	// public returns the keys of a published JWK Set by ID.
	public(t testing.TB, set string) map[string]crypto.PublicKey
	// private returns a private key as a JWK, with alg and kid.
	private(t testing.TB, kid string, private crypto.Signer) string
}

var peers = map[string]peer{"golang-jwt": golangJWT{}, "go-jose": goJose{}, "jwx": jwx{}}

const issuer, audience = "offload-backend", "offload-ios"

var (
	noon     = time.Date(2026, 2, 16, 12, 0, 0, 0, time.UTC)
	settings = session.Settings{Issuer: issuer, Audience: audience, Lifetime: 2 * time.Minute}

	signs = keys.NewEdDSA("signs-2026.02_A", []byte("the first seed that peers know.."),
		keys.Plan{SignFrom: noon.Add(-time.Hour)})
	waits = keys.NewEdDSA("waits", []byte("the second seed that peers know."),
		keys.Plan{SignFrom: noon.Add(time.Hour)})
	retired = keys.NewEdDSA("retired", []byte("the third seed that peers know.."),
		keys.Plan{SignFrom: noon.Add(-2 * time.Hour), VerifyUntil: noon.Add(time.Hour)})
	ended = keys.NewEdDSA("ended", []byte("the fourth seed that peers know."),
		keys.Plan{SignFrom: noon.Add(-3 * time.Hour), VerifyUntil: noon})
	revoked = keys.NewEdDSA("revoked", []byte("the fifth seed that peers know.."),
		keys.Plan{SignFrom: noon.Add(-4 * time.Hour), Revoked: true})
	point = keys.NewES256("point", []byte("the scalar that only peers know."),
		keys.Plan{SignFrom: noon.Add(-6 * time.Hour)})
	secret = keys.NewHS256("secret", []byte("a secret that peers do not know."),
		keys.Plan{SignFrom: noon.Add(-5 * time.Hour)})
	all   = []keys.Key{signs, waits, retired, ended, revoked, point, secret}
	shown = []keys.Key{signs, waits, retired, point}
)

func keyring(t testing.TB) *keys.Keyring {
	t.Helper()
	made, err := keys.NewKeyring(all...)
	require.NoError(t, err)
	return made
}

// privateOf returns a key as the standard library has it.
func privateOf(t testing.TB, key keys.Key) crypto.Signer {
	t.Helper()
	if key.Algorithm() == keys.EdDSA {
		return ed25519.NewKeyFromSeed(key.Secret())
	}
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), key.Secret())
	require.NoError(t, err)
	return private
}

// algorithmOf returns the alg of the tokens of a private key.
func algorithmOf(private crypto.Signer) string {
	if _, is := private.(ed25519.PrivateKey); is {
		return "EdDSA"
	}
	return "ES256"
}

// ours returns claims as the service makes them.
func ours(t testing.TB, key keys.Key, install string) session.Claims {
	t.Helper()
	id, broke := session.ParseInstallID(install)
	require.Equal(t, session.RuleNone, broke)
	return settings.Claims(id, key.ID(), noon)
}

// theirs returns the same claims as a peer must read them.
func theirs(c session.Claims) claims {
	return claims{
		V: session.Version, Kid: string(c.KeyID), Iat: int64(c.IssuedAt), Nbf: int64(c.NotBefore),
		Iss: c.Issuer, Aud: c.Audience,
		InstallID: c.InstallID.Text(), Exp: int64(c.ExpiresAt), Sub: c.InstallID.Text(),
	}
}

func encoded(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }
