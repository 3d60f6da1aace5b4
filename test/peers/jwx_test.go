package peers_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"encoding/json"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jwt"
	"github.com/stretchr/testify/require"
)

type jwx struct{}

func (jwx) verify(text, set string, now time.Time) (claims, error) {
	known, err := jwk.Parse([]byte(set))
	if err != nil {
		return claims{}, err
	}
	token, err := jwt.Parse([]byte(text), jwt.WithKeySet(known), jwt.WithIssuer(issuer),
		jwt.WithAudience(audience),
		jwt.WithRequiredClaim("exp"), jwt.WithClock(jwt.ClockFunc(func() time.Time { return now })))
	if err != nil {
		return claims{}, err
	}
	// The library writes one audience as a list unless told otherwise.
	token.Options().Enable(jwt.FlattenAudience)
	again, err := json.Marshal(token)
	if err != nil {
		return claims{}, err
	}
	var read claims
	err = json.Unmarshal(again, &read)
	return read, err
}

func (jwx) sign(t testing.TB, kid string, private crypto.Signer, c claims) string {
	t.Helper()
	return jwxSign(t, jwxAlgorithm(t, private), jwxKey(t, kid, private), c)
}

func jwxAlgorithm(t testing.TB, private crypto.Signer) jwa.SignatureAlgorithm {
	t.Helper()
	algorithm, known := jwa.LookupSignatureAlgorithm(algorithmOf(private))
	require.True(t, known)
	return algorithm
}

func jwxKey(t testing.TB, kid string, material any) jwk.Key {
	t.Helper()
	key, err := jwk.Import(material)
	require.NoError(t, err)
	require.NoError(t, key.Set(jwk.KeyIDKey, kid))
	return key
}

func jwxSign(t testing.TB, algorithm jwa.SignatureAlgorithm, key jwk.Key, c claims) string {
	t.Helper()
	token := jwt.New()
	token.Options().Enable(jwt.FlattenAudience)
	for name, value := range c.members(t) {
		require.NoError(t, token.Set(name, value))
	}
	text, err := jwt.Sign(token, jwt.WithKey(algorithm, key))
	require.NoError(t, err)
	return string(text)
}

func (jwx) public(t testing.TB, set string) map[string]crypto.PublicKey {
	t.Helper()
	known, err := jwk.Parse([]byte(set))
	require.NoError(t, err)
	public := map[string]crypto.PublicKey{}
	for i := range known.Len() {
		key, _ := known.Key(i)
		require.NoError(t, key.Validate())
		private, err := jwk.IsPrivateKey(key)
		require.NoError(t, err)
		require.False(t, private)
		algorithm, _ := key.Algorithm()
		use, _ := key.KeyUsage()
		kid, _ := key.KeyID()
		switch key.KeyType() {
		case jwa.OKP():
			require.Equal(t, [2]string{"EdDSA", "sig"}, [2]string{algorithm.String(), use})
			var bytes ed25519.PublicKey
			require.NoError(t, jwk.Export(key, &bytes))
			public[kid] = bytes
		case jwa.EC():
			require.Equal(t, [2]string{"ES256", "sig"}, [2]string{algorithm.String(), use})
			var point ecdsa.PublicKey
			require.NoError(t, jwk.Export(key, &point))
			public[kid] = &point
		}
	}
	return public
}

func (jwx) private(t testing.TB, kid string, private crypto.Signer) string {
	t.Helper()
	key := jwxKey(t, kid, private)
	require.NoError(t, key.Set(jwk.AlgorithmKey, jwxAlgorithm(t, private)))
	require.NoError(t, key.Set(jwk.KeyOpsKey, jwk.KeyOperationList{jwk.KeyOpSign}))
	text, err := json.Marshal(key)
	require.NoError(t, err)
	return string(text)
}
