package sessionclient

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/strict"
)

// device is a key as it is used: to make proofs (RFC 9449).
type device struct {
	signer crypto.Signer
	// installID is the thumbprint of the key.
	installID string
	// header is the first segment of a proof, which is the same in each.
	header string
}

// proofType is the type of a proof.
const proofType = "dpop+jwt"

// newDevice returns the device of a key. The error is ErrKey.
func newDevice(signer crypto.Signer) (*device, error) {
	if signer == nil {
		return nil, ErrKey
	}
	algorithm, public, ok := publicOf(signer)
	if !ok {
		return nil, ErrKey
	}
	header, err := json.Marshal(struct {
		Type      string          `json:"typ"`
		Algorithm keys.Algorithm  `json:"alg"`
		Key       json.RawMessage `json:"jwk"`
	}{proofType, algorithm, json.RawMessage(public.JWK())})
	if err != nil {
		panic(err) // marshaling strings cannot fail
	}
	return &device{signer, public.Thumbprint().Text(), strict.EncodeBase64(header)}, nil
}

// publicOf returns the public part of a key; ok is false if the service does not know its kind.
func publicOf(signer crypto.Signer) (algorithm keys.Algorithm, public keys.Public, ok bool) {
	var encoded []byte
	switch key := signer.Public().(type) {
	case *ecdsa.PublicKey:
		if key == nil || key.Curve != elliptic.P256() {
			return "", keys.Public{}, false
		}
		point, err := key.Bytes()
		if err != nil {
			return "", keys.Public{}, false
		}
		algorithm, encoded = keys.ES256, point[1:] // without the mark of the form (SEC 1 §2.3.3)
	case ed25519.PublicKey:
		algorithm, encoded = keys.EdDSA, key
	default:
		return "", keys.Public{}, false
	}
	public, ok = keys.NewPublic(algorithm, encoded)
	return algorithm, public, ok
}

// errSignature says that a key made no signature of its kind.
var errSignature = errors.New("sessionclient: the key makes signatures of another form")

// sign returns the signature of a message in the form of a JWS (RFC 7518 §3.4, RFC 8037 §3.1).
func (d *device) sign(message []byte) ([]byte, error) {
	switch d.signer.Public().(type) {
	case ed25519.PublicKey:
		return signEd25519(d.signer, message)
	case *ecdsa.PublicKey:
		return signP256(d.signer, message)
	}
	return nil, errSignature // a kind that publicOf accepts needs a case here
}

func signEd25519(signer crypto.Signer, message []byte) ([]byte, error) {
	signature, err := signer.Sign(rand.Reader, message, crypto.Hash(0))
	if err == nil && len(signature) != ed25519.SignatureSize {
		err = errSignature
	}
	return signature, err
}

func signP256(signer crypto.Signer, message []byte) ([]byte, error) {
	digest := sha256.Sum256(message)
	encoded, err := signer.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	const size, bits = 32, 256
	var halves struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(encoded, &halves)
	if err != nil || len(rest) > 0 {
		return nil, errSignature
	}
	signature := make([]byte, 2*size)
	for i, half := range []*big.Int{halves.R, halves.S} {
		if half.Sign() <= 0 || half.BitLen() > bits {
			return nil, errSignature
		}
		half.FillBytes(signature[i*size : (i+1)*size])
	}
	return signature, nil
}

// claims are those of a proof (RFC 9449 §4.2).
type claims struct {
	ID       string `json:"jti"`
	Method   string `json:"htm"`
	URI      string `json:"htu"`
	IssuedAt int64  `json:"iat"`
	Token    string `json:"ath,omitempty"`
	Nonce    string `json:"nonce,omitempty"`
}

// prove returns a new proof for one request with a method, GET if it is empty, to a URI. token is
// the session that the request is sent with, and nonce the one that a server asked for; each is
// empty if there is none.
func (d *device) prove(method, uri, token, nonce string, now time.Time) (string, error) {
	if method == "" {
		method = http.MethodGet
	}
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	claims := claims{ID: strict.EncodeBase64(id[:]), Method: method, URI: uri,
		IssuedAt: now.Unix(), Nonce: nonce}
	if token != "" {
		digest := sha256.Sum256([]byte(token))
		claims.Token = strict.EncodeBase64(digest[:])
	}
	body, err := json.Marshal(claims)
	if err != nil {
		panic(err) // marshaling strings and numbers cannot fail
	}
	signed := d.header + "." + strict.EncodeBase64(body)
	signature, err := d.sign([]byte(signed))
	if err != nil {
		return "", keyError(err)
	}
	return signed + "." + strict.EncodeBase64(signature), nil
}

// uriOf returns the URI that a request to u is sent to, without the query and the fragment. host is
// the Host that it is sent with.
func uriOf(u *url.URL, host string) string {
	path, _, _ := strings.Cut(u.RequestURI(), "?")
	if !strings.HasPrefix(path, "/") { // the absolute form
		return path
	}
	return u.Scheme + "://" + host + path
}

// loadKey brings c.device up to date with the Key: another client may have made it forget the key.
// The caller holds the lock. The error is an *Error.
func (c *Client) loadKey(ctx context.Context) error {
	if c.config.Key == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	if c.remembered {
		if err := c.config.Key.Forget(ctx); err != nil {
			return keyError(err)
		}
		c.remembered = false
	}
	signer, err := c.config.Key.Signer(ctx)
	if err != nil {
		return keyError(err)
	}
	if c.device.has(signer) {
		c.device = &device{signer, c.device.installID, c.device.header}
		return nil
	}
	device, err := newDevice(signer)
	if err != nil {
		return keyError(err)
	}
	c.device = device
	return nil
}

// has reports whether signer has the key of d, so that it can take the place of its signer.
func (d *device) has(signer crypto.Signer) bool {
	if d == nil || signer == nil {
		return false
	}
	public, ok := d.signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(signer.Public())
}

// forgetKey has the Key forget the key, if there is one. The caller holds the lock.
func (c *Client) forgetKey(ctx context.Context) error {
	if c.config.Key == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	c.device = nil
	err := c.config.Key.Forget(ctx)
	c.remembered = err != nil
	return err
}
