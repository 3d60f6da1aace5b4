package peers_test

import (
	"crypto"
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
	token, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.EdDSA, jose.ES256})
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

func (goJose) sign(t testing.TB, kid string, private crypto.Signer, c claims) string {
	t.Helper()
	return joseSign(t, jose.SigningKey{Algorithm: jose.SignatureAlgorithm(algorithmOf(private)),
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

func (goJose) public(t testing.TB, set string) map[string]crypto.PublicKey {
	t.Helper()
	var known jose.JSONWebKeySet
	require.NoError(t, json.Unmarshal([]byte(set), &known))
	public := map[string]crypto.PublicKey{}
	for _, key := range known.Keys {
		require.True(t, key.Valid())
		require.True(t, key.IsPublic())
		algorithm := "ES256"
		if _, is := key.Key.(ed25519.PublicKey); is {
			algorithm = "EdDSA"
		}
		require.Equal(t, [2]string{algorithm, "sig"}, [2]string{key.Algorithm, key.Use})
		public[key.KeyID] = key.Key
	}
	return public
}

func (goJose) private(t testing.TB, kid string, private crypto.Signer) string {
	t.Helper()
	text, err := json.Marshal(jose.JSONWebKey{Key: private, KeyID: kid, Algorithm: algorithmOf(private),
		Use: "sig"})
	require.NoError(t, err)
	return string(text)
}
