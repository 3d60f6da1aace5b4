package sessionauth

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"

	"github.com/offload/sessiond/domain/proof"
	"github.com/offload/sessiond/domain/session"
)

// Binding says whether sessions that are bound to a device key are accepted. The zero value is
// BindingOff.
type Binding uint8

// The bindings, which correspond to those of OFFLOAD_SESSION_BINDING.
const (
	// BindingOff accepts bearer sessions only.
	BindingOff Binding = iota
	// BindingAccept also accepts bound sessions. It refuses a bearer session whose install ID has
	// the form of a thumbprint (43 characters of base64url): that is the name of a key.
	BindingAccept
	// BindingRequire accepts bound sessions only.
	BindingRequire
)

// The values of Session.Binding.
const (
	// BoundToNone means that anyone who holds the token can use the session.
	BoundToNone = session.BoundToNone
	// BoundToKey means that the request proved possession of the device key that the session is
	// bound to. The session's install ID is the thumbprint of the key (RFC 7638).
	BoundToKey = session.BoundToKey
)

// The errors of New that concern bound sessions.
var (
	// ErrBinding reports a Config.Binding that is none of the constants.
	ErrBinding = errors.New("sessionauth: unknown binding")
	// ErrPublicOrigins reports a Config with a Binding but without PublicOrigins, or with one that
	// is not an origin.
	ErrPublicOrigins = errors.New("sessionauth: bound sessions need PublicOrigins, each of the form " +
		"https://host or https://host:port")
	// ErrBoundAudiences reports BoundAudiences with an empty one, or with one that is also an
	// audience of sessions that are not bound: other verifiers would take one for the other.
	ErrBoundAudiences = errors.New("sessionauth: the audiences of bound sessions must not be empty, " +
		"nor those of other sessions")
)

// ErrEmptyNonceSecret reports a secret that is empty or only white space.
var ErrEmptyNonceSecret = errors.New("sessionauth: the secret of nonces is empty")

// Nonces let clients with wrong clocks make proofs: see Config.Nonces. The zero value is none.
type Nonces struct{ nonces proof.Nonces }

// NewNonces returns the Nonces of a secret that all replicas of a service share. White space at
// both ends of it is removed. It is a key, such as the output of openssl rand -base64 32. Services
// that have the OFFLOAD_LIMITER_DIGEST_KEY of the issuing service accept the nonces that it gives.
// The error is ErrEmptyNonceSecret.
func NewNonces(secret string) (Nonces, error) {
	secret = strings.TrimSpace(secret)
	if secret == "" {
		return Nonces{}, ErrEmptyNonceSecret
	}
	return Nonces{proof.NewNonces([]byte(secret))}, nil
}

// randomNonces returns the nonces of one Verifier.
func randomNonces() proof.Nonces {
	secret := make([]byte, sha256.Size)
	_, _ = rand.Read(secret) // never fails
	return proof.NewNonces(secret)
}

// binding checks what the configuration says of bound sessions. It puts that into v, whose settings
// name the other audiences already.
func (v *Verifier) binding(config Config) error {
	v.settings.Binding = session.Binding(config.Binding)
	if !slices.Contains(session.Bindings(), v.settings.Binding) {
		return ErrBinding
	}
	for _, text := range config.PublicOrigins {
		origin, ok := proof.ParseOrigin(text)
		if !ok {
			return ErrPublicOrigins
		}
		v.origins = append(v.origins, origin)
	}
	if v.settings.Binding.On() && len(v.origins) == 0 {
		return ErrPublicOrigins
	}
	others := append([]string{v.settings.Audience}, v.settings.OtherAudiences...)
	bound := config.BoundAudiences
	if len(bound) == 0 {
		for _, audience := range others {
			bound = append(bound, audience+session.BoundSuffix)
		}
	}
	for _, audience := range bound {
		if audience == "" || v.settings.Binding.On() && slices.Contains(others, audience) {
			return ErrBoundAudiences
		}
	}
	v.settings.BoundAudience, v.settings.OtherBoundAudiences = bound[0], slices.Clone(bound[1:])
	v.nonces = config.Nonces.nonces
	if config.Nonces == (Nonces{}) && v.settings.Binding.On() {
		v.nonces = randomNonces()
	}
	return nil
}
