// Package device makes proofs of device keys (DPoP, RFC 9449), as the app of a bound session does.
package device

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/offload/sessiond/domain/keys"
)

// Key is the key of a device.
type Key struct {
	key keys.Key
	jwk string
	// Thumbprint is that of the key, and the install id of its sessions.
	Thumbprint string
}

// New returns a key with ES256. The same number makes the same key.
func New(number int) Key {
	seed := sha256.Sum256(fmt.Appendf(nil, "device %d", number))
	return Of(keys.NewES256("device", seed[:], keys.Plan{}))
}

// Of returns the device of a key with ES256 or EdDSA.
func Of(key keys.Key) Key {
	public := key.Public()
	jwk := `{"crv":"Ed25519","kty":"OKP","x":"` + encode(public) + `"}`
	if key.Algorithm() == keys.ES256 {
		jwk = `{"crv":"P-256","kty":"EC","x":"` + encode(public[:32]) + `","y":"` +
			encode(public[32:]) + `"}`
	}
	digest := sha256.Sum256([]byte(jwk)) // its members are those of RFC 7638, in order
	return Key{key: key, jwk: jwk, Thumbprint: encode(digest[:])}
}

// Claims are those of a proof. Members that are empty are left out.
type Claims struct {
	ID     string `json:"jti,omitempty"`
	Method string `json:"htm,omitempty"`
	URI    string `json:"htu,omitempty"`
	At     int64  `json:"iat,omitempty"`
	Nonce  string `json:"nonce,omitempty"`
	// Token is the digest of the token: see ForToken.
	Token string `json:"ath,omitempty"`
}

var made atomic.Int64

// For returns the claims of a new proof for a request at a time.
func For(method, uri string, at time.Time) Claims {
	return Claims{ID: fmt.Sprintf("proof-%d", made.Add(1)), Method: method, URI: uri, At: at.Unix()}
}

// ForToken returns the claims for a request with that token.
func (c Claims) ForToken(token string) Claims {
	digest := sha256.Sum256([]byte(token))
	c.Token = encode(digest[:])
	return c
}

// WithNonce returns the claims with a nonce of the service.
func (c Claims) WithNonce(nonce string) Claims {
	c.Nonce = nonce
	return c
}

// Proof returns a proof with these claims: the value of the DPoP header.
func (k Key) Proof(claims Claims) string {
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err) // strings and a number can be marshaled
	}
	header := `{"typ":"dpop+jwt","alg":"` + string(k.key.Algorithm()) + `","jwk":` + k.jwk + `}`
	signed := encode([]byte(header)) + "." + encode(payload)
	return signed + "." + encode(k.key.Sign([]byte(signed)))
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }
