package peers_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
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
	}, jwt.WithValidMethods([]string{"EdDSA", "ES256"}), jwt.WithIssuer(issuer), jwt.WithAudience(audience),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(), jwt.WithStrictDecoding(), jwt.WithTimeFunc(func() time.Time {
			return now
		}))
	return read, err
}

func (golangJWT) sign(t testing.TB, kid string, private crypto.Signer, c claims) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.GetSigningMethod(algorithmOf(private)), jwt.MapClaims(c.members(t)))
	token.Header["kid"] = kid
	text, err := token.SignedString(private)
	require.NoError(t, err)
	return text
}

func (golangJWT) public(t testing.TB, set string) map[string]crypto.PublicKey {
	t.Helper()
	public, err := publicKeys(set)
	require.NoError(t, err)
	return public
}

func (golangJWT) private(t testing.TB, kid string, private crypto.Signer) string {
	t.Helper()
	members := map[string]string{"alg": algorithmOf(private), "kid": kid}
	switch key := private.(type) {
	case ed25519.PrivateKey:
		members["kty"], members["crv"] = "OKP", "Ed25519"
		members["d"], members["x"] = encoded(key.Seed()), encoded(key[32:])
	case *ecdsa.PrivateKey:
		scalar, err := key.Bytes()
		require.NoError(t, err)
		public, err := key.PublicKey.Bytes()
		require.NoError(t, err)
		members["kty"], members["crv"], members["d"] = "EC", "P-256", encoded(scalar)
		members["x"], members["y"] = encoded(public[1:33]), encoded(public[33:])
	}
	text, err := json.Marshal(members)
	require.NoError(t, err)
	return string(text)
}

func publicKeys(text string) (map[string]crypto.PublicKey, error) {
	var set struct {
		Keys []struct{ Kty, Crv, Kid, X, Y string }
	}
	if err := json.Unmarshal([]byte(text), &set); err != nil {
		return nil, err
	}
	public := map[string]crypto.PublicKey{}
	for _, key := range set.Keys {
		x, err := base64.RawURLEncoding.DecodeString(key.X)
		if err != nil || len(x) != 32 {
			return nil, errors.New("not a coordinate")
		}
		switch key.Kty + " " + key.Crv {
		case "OKP Ed25519":
			public[key.Kid] = ed25519.PublicKey(x)
		case "EC P-256":
			y, err := base64.RawURLEncoding.DecodeString(key.Y)
			if err != nil {
				return nil, err
			}
			point := append(append([]byte{4}, x...), y...)
			public[key.Kid], err = ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
			if err != nil {
				return nil, err
			}
		default:
			return nil, errors.New("neither an Ed25519 key nor a P-256 key")
		}
	}
	return public, nil
}
