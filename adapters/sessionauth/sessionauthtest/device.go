package sessionauthtest

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net/http"
	"time"

	"github.com/offload/sessiond/adapters/sessionauth"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/strict"
)

// Device is a device with a key, to which sessions can be bound.
type Device struct{ key keys.Key }

// NewDevice returns a device with a new random key.
func NewDevice() Device {
	seed := make([]byte, keys.SeedSize)
	_, _ = rand.Read(seed) // never fails
	return Device{keys.NewEdDSA("device", seed, keys.Plan{})}
}

// InstallID returns the install ID of the device's sessions: the thumbprint of its key.
func (d Device) InstallID() string {
	return d.public().Thumbprint().Text()
}

// public returns the public part of the key.
func (d Device) public() keys.Public {
	public, ok := keys.NewPublic(d.key.Algorithm(), d.key.Public())
	if !ok {
		panic("sessionauthtest: not a public key") // not reached: the key is random
	}
	return public
}

// Bind gives r a session that is bound to the key of device, and a proof for r, as a client does
// that sends r to PublicOrigin. Call it again after a change of the method or the path: the proof
// is for those.
func (i *Issuer) Bind(r *http.Request, device Device) {
	i.t.Helper()
	token := i.Mint(device.InstallID(), func(s *sessionauth.Session) {
		s.Binding, s.Audience = sessionauth.BoundToKey, Audience+session.BoundSuffix
	})
	r.Header.Set("Authorization", "DPoP "+token)
	r.Header.Set("DPoP", device.proof(r.Method, PublicOrigin+r.URL.EscapedPath(), token))
}

// proof returns a proof (RFC 9449 §4.2) for a request now.
func (d Device) proof(method, uri, token string) string {
	digest := sha256.Sum256([]byte(token))
	header := fmt.Sprintf(`{"typ":"dpop+jwt","alg":%q,"jwk":%s}`, d.key.Algorithm(),
		d.public().JWK())
	claims := fmt.Sprintf(`{"jti":%q,"htm":%q,"htu":%q,"iat":%d,"ath":%q}`, rand.Text(), method, uri,
		time.Now().Unix(), strict.EncodeBase64(digest[:]))
	signed := strict.EncodeBase64([]byte(header)) + "." + strict.EncodeBase64([]byte(claims))
	return signed + "." + strict.EncodeBase64(d.key.Sign([]byte(signed)))
}
