// Package keys decides which key signs and which keys may verify at an instant.
//
// A key is made for one algorithm, and its state is a pure function of the key and the clock. A
// keyring holds every key in every state and never changes; a new set of keys is a new keyring.
// Material never leaves a key except as a signature, and no format verb shows it; Secret is the one
// exception, for the policy that checks secrets and for the file that stores them. The package
// imports strict and the standard library.
package keys

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/offload/sessiond/domain/strict"
)

// MaxID is the maximum length of a key id, in characters.
const MaxID = 64

// ID names a key: 1 to MaxID characters of A-Z a-z 0-9 . _ -
type ID string

// ParseID parses text as a key id; ok is false if it is too long, empty or has a character outside
// the alphabet.
func ParseID(text string) (id ID, ok bool) {
	if !strict.Plain(text, MaxID) {
		return "", false
	}
	return ID(text), true
}

// Algorithm is the JOSE name of the algorithm that a key is made for (RFC 7518 §3.1, RFC 8037
// §3.1).
type Algorithm string

// The algorithms.
const (
	// HS256 is HMAC-SHA256 with a symmetric key.
	HS256 Algorithm = "HS256"
	// EdDSA is Ed25519. RFC 9864 renames it; deployed verifiers still read this name.
	EdDSA Algorithm = "EdDSA"
)

// SeedSize is the length of an Ed25519 private key (RFC 8032 §5.1.5), in bytes.
const SeedSize = ed25519.SeedSize

// Key is an id, an algorithm, material and a plan. The zero value is not a key: signing or
// verifying with it is a bug and panics.
type Key struct {
	id        ID
	algorithm Algorithm
	material  *material
	plan      Plan
}

// material is what a key signs with: the key bytes for HS256; for EdDSA the seed and the public
// key, or the public key alone if the key only verifies. It is a string, so that no holder can
// change the bytes. Key holds it by pointer, so that no format verb shows it: fmt does not call
// String on an unexported field of another type, but it does not follow a pointer to a string
// either. (It does follow a pointer to a struct or an array, under a wrong verb.)
type material string

// Plan states when a key may do what.
type Plan struct {
	// SignFrom is the instant from which the key may sign; until then it only verifies.
	SignFrom time.Time
	// VerifyUntil is the instant from which the key neither signs nor verifies; zero means never.
	VerifyUntil time.Time
	// Revoked keys neither sign nor verify, regardless of the instants.
	Revoked bool
}

// NewHS256 returns a symmetric key made of the bytes of secret. It does not check their strength.
func NewHS256(id ID, secret []byte, plan Plan) Key {
	held := material(secret)
	return Key{id: id, algorithm: HS256, material: &held, plan: plan}
}

// NewEdDSA returns an Ed25519 key made of a seed of SeedSize bytes; any other length is a bug and
// panics.
func NewEdDSA(id ID, seed []byte, plan Plan) Key {
	held := material(ed25519.NewKeyFromSeed(seed))
	return Key{id: id, algorithm: EdDSA, material: &held, plan: plan}
}

// NewVerifier returns an Ed25519 key made of its public part alone, ed25519.PublicKeySize bytes;
// any other length is a bug and panics. The key verifies as the plan states and never signs: Sign
// panics, and no keyring returns it as a signer.
func NewVerifier(id ID, public []byte, plan Plan) Key {
	if len(public) != ed25519.PublicKeySize {
		panic("keys: an Ed25519 public key must be 32 bytes")
	}
	held := material(public)
	return Key{id: id, algorithm: EdDSA, material: &held, plan: plan}
}

// WithPlan returns the same key with another plan.
func (k Key) WithPlan(plan Plan) Key {
	k.plan = plan
	return k
}

// ID returns the key's id.
func (k Key) ID() ID { return k.id }

// Algorithm returns the algorithm that the key is made for.
func (k Key) Algorithm() Algorithm { return k.algorithm }

// Plan returns the key's plan.
func (k Key) Plan() Plan { return k.plan }

// Secret returns a copy of the key's private bytes: all of a symmetric key, the seed of an Ed25519
// key, nil for a key that only verifies. It is for the policy that checks secrets and for the file
// that stores them; nothing else needs it.
func (k Key) Secret() []byte {
	if k.isPublicOnly() {
		return nil
	}
	if k.algorithm == EdDSA {
		return []byte((*k.material)[:SeedSize])
	}
	return []byte(*k.material)
}

// Public returns a copy of an Ed25519 key's public bytes; nil for a symmetric key, which has none.
func (k Key) Public() []byte {
	if k.algorithm == EdDSA {
		return []byte(k.public())
	}
	return nil
}

// public returns an Ed25519 key's public bytes, which come last in its material.
func (k Key) public() material {
	return (*k.material)[len(*k.material)-ed25519.PublicKeySize:]
}

// isPublicOnly reports whether the key has no private part.
func (k Key) isPublicOnly() bool {
	return k.algorithm == EdDSA && len(*k.material) == ed25519.PublicKeySize
}

// parts returns the pieces of material that no two keys of a keyring may share. The public part is
// one of them: a symmetric key made of an Ed25519 key's public bytes would be known to everyone.
func (k Key) parts() []material {
	if k.algorithm == EdDSA && !k.isPublicOnly() {
		return []material{(*k.material)[:SeedSize], k.public()}
	}
	return []material{*k.material}
}

// sharesMaterial reports whether the two keys have a piece of material in common.
func (k Key) sharesMaterial(other Key) bool {
	return slices.ContainsFunc(k.parts(), func(part material) bool {
		return slices.Contains(other.parts(), part)
	})
}

// maySign reports whether the key has a private part and its plan lets it sign at now.
func (k Key) maySign(now time.Time) bool { return !k.isPublicOnly() && k.plan.maySign(now) }

// Sign signs message with the key's algorithm.
func (k Key) Sign(message []byte) []byte {
	if k.algorithm == EdDSA {
		return ed25519.Sign(ed25519.PrivateKey(*k.material), message)
	}
	mac := hmac.New(sha256.New, []byte(*k.material))
	mac.Write(message)
	return mac.Sum(nil)
}

// Verify reports whether signature is the key's signature of message. The time that it takes does
// not depend on where the two differ.
func (k Key) Verify(message, signature []byte) bool {
	if k.algorithm == EdDSA {
		return ed25519.Verify(ed25519.PublicKey(k.public()), message, signature)
	}
	return hmac.Equal(k.Sign(message), signature)
}

// SignatureSize returns the exact length of a signature under a, in bytes; 0 if a is unknown.
func (a Algorithm) SignatureSize() int {
	switch a {
	case HS256:
		return sha256.Size
	case EdDSA:
		return ed25519.SignatureSize
	}
	return 0
}

// String returns the key's name, without its material.
func (k Key) String() string { return "key " + string(k.id) }

// GoString returns the key's name, without its material.
func (k Key) GoString() string { return k.String() }
