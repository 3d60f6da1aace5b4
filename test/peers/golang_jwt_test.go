package peers_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// golangJWT has no parser for JWK Sets. The one here is what its users write.
type golangJWT struct{}

// GetExpirationTime and the methods below implement jwt.Claims.
func (c claims) GetExpirationTime() (*jwt.NumericDate, error) { return date(c.Exp), nil }
func (c claims) GetIssuedAt() (*jwt.NumericDate, error)       { return date(c.Iat), nil }
func (c claims) GetNotBefore() (*jwt.NumericDate, error)      { return date(c.Nbf), nil }
func (c claims) GetIssuer() (string, error)                   { return c.Iss, nil }
func (c claims) GetSubject() (string, error)                  { return c.Sub, nil }
func (c claims) GetAudience() (jwt.ClaimStrings, error) {
	return jwt.ClaimStrings{c.Aud}, nil
}

func date(seconds int64) *jwt.NumericDate { return jwt.NewNumericDate(time.Unix(seconds, 0)) }

func (golangJWT) verify(text, set string, now time.Time) (claims, error) {
	public, err := publicKeys(set)
	if err != nil {
		return claims{}, err
	}
	var read claims
	_, err = jwt.ParseWithClaims(text, &read, func(token *jwt.Token) (any, error) {
		kid, _ := token.Header["kid"].(string)
		if key, known := public[kid]; known {
			return key, nil
		}
		return nil, errors.New("unknown key")
	}, jwt.WithValidMethods([]string{"EdDSA"}), jwt.WithIssuer(issuer), jwt.WithAudience(audience),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(), jwt.WithStrictDecoding(), jwt.WithTimeFunc(func() time.Time {
			return now
		}))
	return read, err
}

func (golangJWT) sign(t testing.TB, kid string, private ed25519.PrivateKey, c claims) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims(c.members(t)))
	token.Header["kid"] = kid
	text, err := token.SignedString(private)
	require.NoError(t, err)
	return text
}

func (golangJWT) public(t testing.TB, set string) map[string]ed25519.PublicKey {
	t.Helper()
	public, err := publicKeys(set)
	require.NoError(t, err)
	return public
}

func (golangJWT) private(t testing.TB, kid string, private ed25519.PrivateKey) string {
	t.Helper()
	text, err := json.Marshal(map[string]string{
		"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": kid, "d": encoded(private.Seed()),
		"x": encoded(private[32:]),
	})
	require.NoError(t, err)
	return string(text)
}

func publicKeys(text string) (map[string]ed25519.PublicKey, error) {
	var set struct {
		Keys []struct{ Kty, Crv, Kid, X string }
	}
	if err := json.Unmarshal([]byte(text), &set); err != nil {
		return nil, err
	}
	public := map[string]ed25519.PublicKey{}
	for _, key := range set.Keys {
		x, err := base64.RawURLEncoding.DecodeString(key.X)
		if err != nil || key.Kty != "OKP" || key.Crv != "Ed25519" ||
			len(x) != ed25519.PublicKeySize {
			return nil, errors.New("not an Ed25519 key")
		}
		public[key.Kid] = x
	}
	return public, nil
}
