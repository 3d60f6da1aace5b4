package peers_test

import (
	"crypto/ed25519"
	"encoding/json"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"
)

type goJose struct{}

func (goJose) verify(text, set string, now time.Time) (claims, error) {
	var known jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(set), &known); err != nil {
		return claims{}, err
	}
	token, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		return claims{}, err
	}
	var registered jwt.Claims
	var read claims
	if err := token.Claims(known, &registered, &read); err != nil {
		return claims{}, err
	}
	return read, registered.ValidateWithLeeway(jwt.Expected{Issuer: issuer,
		AnyAudience: jwt.Audience{audience}, Time: now}, 0)
}

func (goJose) sign(t testing.TB, kid string, private ed25519.PrivateKey, c claims) string {
	t.Helper()
	return joseSign(t, jose.SigningKey{Algorithm: jose.EdDSA,
		Key: jose.JSONWebKey{Key: private, KeyID: kid}}, (&jose.SignerOptions{}).WithType("JWT"), c)
}

func joseSign(t testing.TB, key jose.SigningKey, options *jose.SignerOptions, c claims) string {
	t.Helper()
	signer, err := jose.NewSigner(key, options)
	require.NoError(t, err)
	text, err := jwt.Signed(signer).Claims(c).Serialize()
	require.NoError(t, err)
	return text
}

func (goJose) public(t testing.TB, set string) map[string]ed25519.PublicKey {
	t.Helper()
	var known jose.JSONWebKeySet
	require.NoError(t, json.Unmarshal([]byte(set), &known))
	public := map[string]ed25519.PublicKey{}
	for _, key := range known.Keys {
		require.True(t, key.Valid())
		require.True(t, key.IsPublic())
		require.Equal(t, [2]string{"EdDSA", "sig"}, [2]string{key.Algorithm, key.Use})
		bytes, ok := key.Key.(ed25519.PublicKey)
		require.True(t, ok)
		public[key.KeyID] = bytes
	}
	return public
}

func (goJose) private(t testing.TB, kid string, private ed25519.PrivateKey) string {
	t.Helper()
	text, err := json.Marshal(jose.JSONWebKey{Key: private, KeyID: kid, Algorithm: "EdDSA",
		Use: "sig"})
	require.NoError(t, err)
	return string(text)
}
