package peers_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/token"
)

// installs holds install IDs that JSON encoders and parsers may treat differently.
var installs = []string{
	"3f2b8f0a-7f0e-4d52-9a39-0b6f5b1f7b11", `quote " backslash \ slash /`,
	"<script>&amp;\u2028\u2029", "caf\u00e9 \U0001f511 \ufeff\uffff",
	strings.Repeat("\U0001f511", 128),
}

// TestPeersVerifyOurTokens shows that the peers verify our tokens with the set that we publish, and
// read the same claims.
func TestPeersVerifyOurTokens(t *testing.T) {
	set := keys.FormatPublic(keyring(t), noon)
	for name, peer := range peers {
		t.Run(name, func(t *testing.T) {
			for _, key := range shown {
				for _, install := range installs {
					c := ours(t, key, install)
					text := token.Sign(c, key)
					for _, now := range []time.Time{noon, noon.Add(settings.Lifetime - time.Second)} {
						read, err := peer.verify(text, set, now)
						require.NoError(t, err)
						assert.Equal(t, theirs(c), read)
					}
				}
			}
		})
	}
}

// TestPeersRefuseInvalidTokens shows that the test above proves something: the peers refuse what we
// refuse.
func TestPeersRefuseInvalidTokens(t *testing.T) {
	set := keys.FormatPublic(keyring(t), noon)
	c := ours(t, signs, installs[0])
	text := token.Sign(c, signs)
	segments := strings.Split(text, ".")
	other, alien := c, c
	other.Audience, alien.Issuer = "other", "other"
	ofEnded, ofRevoked := ours(t, ended, installs[0]), ours(t, revoked, installs[0])
	altered := strings.Replace(text, segments[1], encoded([]byte(`{"v":2}`)), 1)
	for name, peer := range peers {
		for what, refused := range map[string]struct {
			text string
			now  time.Time
		}{
			"expired session":          {text, noon.Add(settings.Lifetime + time.Second)},
			"another audience":         {token.Sign(other, signs), noon},
			"another issuer":           {token.Sign(alien, signs), noon},
			"changed payload":          {altered, noon},
			"another key's signature":  {token.Sign(c, waits), noon},
			"expired key":              {token.Sign(ofEnded, ended), noon},
			"revoked key":              {token.Sign(ofRevoked, revoked), noon},
			"token of a symmetric key": {token.Sign(ours(t, secret, installs[0]), secret), noon},
			"empty signature":          {segments[0] + "." + segments[1] + ".", noon},
		} {
			t.Run(name+", "+what, func(t *testing.T) {
				_, err := peer.verify(refused.text, set, refused.now)
				assert.Error(t, err)
			})
		}
	}
}

// TestWeVerifyTokensOfPeers shows that we verify the tokens of the peers, which have the same
// header and claims in any order and with any escapes.
func TestWeVerifyTokensOfPeers(t *testing.T) {
	for name, peer := range peers {
		t.Run(name, func(t *testing.T) {
			for _, key := range shown {
				for _, install := range installs {
					c := ours(t, key, install)
					text := peer.sign(t, string(key.ID()), privateOf(t, key), theirs(c))
					assert.JSONEq(t, `{"alg":"`+string(key.Algorithm())+`","kid":"`+
						string(key.ID())+`","typ":"JWT"}`, decoded(t, text, 0))
					assert.JSONEq(t, decoded(t, token.Sign(c, key), 1), decoded(t, text, 1))
					read, err := token.Verify(withLowerS(t, text), keyring(t), settings, noon)
					require.NoError(t, err)
					assert.Equal(t, c, read)
				}
			}
		})
	}
}

// withLowerS returns a token of ES256 with the lower of the two values that s may have, and any
// other one as it is. The peers write either, and we accept one: with the other, a token is
// rejected.
func withLowerS(t testing.TB, text string) string {
	t.Helper()
	if !strings.Contains(decoded(t, text, 0), `"ES256"`) {
		return text
	}
	order := elliptic.P256().Params().N
	signature := []byte(decoded(t, text, 2))
	s := new(big.Int).SetBytes(signature[32:])
	if s.Cmp(new(big.Int).Rsh(order, 1)) <= 0 {
		return text
	}
	_, err := token.Verify(text, keyring(t), settings, noon)
	rejection, ok := errors.AsType[*token.Rejection](err)
	require.True(t, ok)
	require.Equal(t, token.ReasonSignature, rejection.Reason)
	new(big.Int).Sub(order, s).FillBytes(signature[32:])
	return text[:strings.LastIndex(text, ".")+1] + encoded(signature)
}

func decoded(t testing.TB, text string, segment int) string {
	t.Helper()
	data, err := base64.RawURLEncoding.DecodeString(strings.Split(text, ".")[segment])
	require.NoError(t, err)
	return string(data)
}

// TestWeRefuseWhatTheyCanSign checks tokens that the libraries write with other options, and that
// we must reject.
func TestWeRefuseWhatTheyCanSign(t *testing.T) {
	c := theirs(ours(t, signs, installs[0]))
	kid, private := string(signs.ID()), privateOf(t, signs)
	public := private.Public().(ed25519.PublicKey)
	ofPoint := privateOf(t, point)
	larger, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	withoutKid := func(token *jwt.Token) { delete(token.Header, "kid") }
	golang := func(method jwt.SigningMethod, key any, changes ...func(*jwt.Token)) string {
		token := jwt.NewWithClaims(method, jwt.MapClaims(c.members(t)))
		token.Header["kid"] = kid
		for _, change := range changes {
			change(token)
		}
		text, err := token.SignedString(key)
		require.NoError(t, err)
		return text
	}
	named := func(name string, value any) func(*jwt.Token) {
		return func(token *jwt.Token) { token.Header[name] = value }
	}
	ed := jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: private, KeyID: kid}}
	for name, refused := range map[string]struct {
		text string
		want token.Reason
	}{
		"HMAC of the public key": {golang(jwt.SigningMethodHS256, []byte(public)),
			token.ReasonSignatureLength},
		"HMAC of the public key, in 64": {golang(jwt.SigningMethodHS512, []byte(public)),
			token.ReasonHeader},
		"HMAC of the public key's base64": {golang(jwt.SigningMethodHS512,
			[]byte(encoded(public))), token.ReasonHeader},
		"HS256 under our secret": {golang(jwt.SigningMethodHS256, secret.Secret(),
			named("kid", "secret")), token.ReasonSignatureLength},
		"none": {golang(jwt.SigningMethodNone,
			jwt.UnsafeAllowNoneSignatureType), token.ReasonSegments},
		"no kid": {golang(jwt.SigningMethodEdDSA, private, withoutKid),
			token.ReasonHeader},
		"another typ": {golang(jwt.SigningMethodEdDSA, private,
			named("typ", "at+jwt")), token.ReasonHeader},
		"jku": {golang(jwt.SigningMethodEdDSA, private,
			named("jku", "https://attacker.example")), token.ReasonHeader},
		"crit": {golang(jwt.SigningMethodEdDSA, private,
			named("crit", []string{"exp"})), token.ReasonHeader},
		"go-jose, its key embedded": {joseSign(t, ed, &jose.SignerOptions{EmbedJWK: true},
			c), token.ReasonHeader},
		"go-jose, b64 in crit": {joseSign(t, ed,
			(&jose.SignerOptions{}).WithBase64(true).WithCritical("b64"), c), token.ReasonHeader},
		"go-jose, content type": {joseSign(t, ed,
			(&jose.SignerOptions{}).WithContentType("JWT"), c), token.ReasonHeader},
		"jwx, by RFC 9864's name of EdDSA": {jwxSign(t, jwa.EdDSAEd25519(),
			jwxKey(t, kid, private), c), token.ReasonHeader},
		"jwx, HMAC of 64 of the public key": {jwxSign(t, jwa.HS512(),
			jwxKey(t, kid, []byte(public)), c), token.ReasonHeader},
		"signed by a key of another id": {golangJWT{}.sign(t, kid, privateOf(t, waits), c),
			token.ReasonSignature},
		"a kid that the claim does not name": {golangJWT{}.sign(t, "waits", privateOf(t, waits), c),
			token.ReasonHeader},
		"ES256 under the id of an EdDSA key": {golang(jwt.SigningMethodES256, ofPoint),
			token.ReasonAlgorithm},
		"EdDSA under the id of an ES256 key": {golangJWT{}.sign(t, "point", private,
			theirs(ours(t, point, installs[0]))), token.ReasonAlgorithm},
		"ES384": {golang(jwt.SigningMethodES384, larger), token.ReasonSignatureLength},
	} {
		t.Run(name, func(t *testing.T) {
			claims, err := token.Verify(refused.text, keyring(t), settings, noon)
			assert.Equal(t, session.Claims{}, claims)
			rejection, ok := errors.AsType[*token.Rejection](err)
			require.True(t, ok)
			assert.Equal(t, refused.want, rejection.Reason)
		})
	}
}

// TestPeersReadOurPublicSet shows that the peers find the keys in force in the set that we publish,
// and no private or symmetric key.
func TestPeersReadOurPublicSet(t *testing.T) {
	for name, peer := range peers {
		t.Run(name, func(t *testing.T) {
			want := map[string]crypto.PublicKey{}
			for _, key := range shown {
				want[string(key.ID())] = privateOf(t, key).Public()
			}
			assert.Equal(t, want, peer.public(t, keys.FormatPublic(keyring(t), noon)))
			delete(want, string(retired.ID()))
			assert.Equal(t, want, peer.public(t,
				keys.FormatPublic(keyring(t), retired.Plan().VerifyUntil)))
			none, err := keys.NewKeyring(secret)
			require.NoError(t, err)
			assert.Empty(t, peer.public(t, keys.FormatPublic(none, noon)), "an empty set")
		})
	}
}

// TestWeReadKeysOfPeers shows that a JWK that any tool made becomes a key of a keyset once our
// members are added.
func TestWeReadKeysOfPeers(t *testing.T) {
	for name, peer := range peers {
		t.Run(name, func(t *testing.T) {
			for _, key := range []keys.Key{signs, point} {
				text := peer.private(t, string(key.ID()), privateOf(t, key))
				var members map[string]any
				require.NoError(t, json.Unmarshal([]byte(text), &members))
				members["sign_from"] = "2026-02-16T11:00:00Z"
				set, err := json.Marshal(map[string]any{"keys": []any{members}})
				require.NoError(t, err)
				read, err := keys.ParseSet(string(set))
				require.NoError(t, err)
				signer, ok := read.SignerAt(noon)
				require.True(t, ok)
				assert.Equal(t, signs.Plan(), signer.Plan())
				assert.Equal(t, token.Sign(ours(t, key, installs[0]), key),
					token.Sign(ours(t, signer, installs[0]), signer))
			}
		})
	}
}
