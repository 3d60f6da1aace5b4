// Package keys determines which key signs and which keys verify at a given time.
//
// A key is made for one algorithm, and its state is a pure function of the key and the time. A
// keyring holds every key in every state and never changes; a new set of keys is a new keyring. Key
// material leaves a key only as a signature: no format verb prints it. The package imports strict
// and the standard library.
package keys

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/offload/sessiond/domain/strict"
)

// MaxID is the maximum length of a key id.
const MaxID = 64

// ID names a key: 1 to MaxID characters of A-Z a-z 0-9 . _ -
type ID string

// ParseID parses a key id; ok is false if text violates the bounds.
func ParseID(text string) (id ID, ok bool) {
	if !strict.Plain(text, MaxID) {
		return "", false
	}
	return ID(text), true
}

// Algorithm is the algorithm that a key is made for, by its JOSE name (RFC 7518 §3.1, RFC 8037
// §3.1).
type Algorithm string

// The algorithms.
const (
	// HS256 is HMAC-SHA256 with a symmetric key.
	HS256 Algorithm = "HS256"
	// EdDSA is Ed25519. RFC 9864 renames it, but deployed verifiers still use this name.
	EdDSA Algorithm = "EdDSA"
)

// SeedSize is the length of an Ed25519 private key (RFC 8032 §5.1.5) in bytes.
const SeedSize = ed25519.SeedSize

// Key is an id, an algorithm, key material and a plan. The zero value is not a key: signing or
// verifying with it is a defect, and panics.
type Key struct {
	id        ID
	algorithm Algorithm
	material  *material
	plan      Plan
}

// material is what a key signs with: for HS256 the key bytes, for EdDSA the seed and the public
// key, or only the public key if the key only verifies. It is a string, so that no holder can
// change it, and behind a pointer so that no format verb prints it: fmt does not call String on
// unexported fields, and does not follow a pointer to a string. (It does follow a pointer to a
// struct or an array, for the wrong verb.)
type material string

// Plan says when a key may sign and verify.
type Plan struct {
	// SignFrom is the time from which the key may sign; before that it only verifies.
	SignFrom time.Time
	// VerifyUntil is the time from which the key neither signs nor verifies; zero means never.
	VerifyUntil time.Time
	// Revoked keys neither sign nor verify, whatever the times say.
	Revoked bool
}

// NewHS256 returns a symmetric key with the bytes of secret. It does not check whether they are
// strong.
func NewHS256(id ID, secret []byte, plan Plan) Key {
	held := material(secret)
	return Key{id: id, algorithm: HS256, material: &held, plan: plan}
}

// NewEdDSA returns an Ed25519 key for a seed of SeedSize bytes. It panics for any other length,
// which is a defect.
func NewEdDSA(id ID, seed []byte, plan Plan) Key {
	held := material(ed25519.NewKeyFromSeed(seed))
	return Key{id: id, algorithm: EdDSA, material: &held, plan: plan}
}

// NewVerifier returns an Ed25519 key with only its public part, of ed25519.PublicKeySize bytes. It
// panics for any other length, which is a defect. The key verifies as the plan says and never
// signs: Sign panics, and no keyring uses it as a signer.
func NewVerifier(id ID, public []byte, plan Plan) Key {
	if len(public) != ed25519.PublicKeySize {
		panic("keys: an Ed25519 public key of another length")
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

// Plan returns when the key may sign and verify.
func (k Key) Plan() Plan { return k.plan }

// Secret returns a copy of the key's private bytes: all of a symmetric key, the seed of an Ed25519
// key, nil for a key that only verifies. It is for the policy that judges them and the file that
// keeps them, and for nothing else.
func (k Key) Secret() []byte {
	if k.onlyVerifies() {
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

// onlyVerifies reports whether the private part is missing.
func (k Key) onlyVerifies() bool {
	return k.algorithm == EdDSA && len(*k.material) == ed25519.PublicKeySize
}

// parts returns the pieces of material that keys of one keyring must not share. A symmetric key
// made of an Ed25519 key's public bytes would be known to everyone.
func (k Key) parts() []material {
	if k.algorithm == EdDSA && !k.onlyVerifies() {
		return []material{(*k.material)[:SeedSize], k.public()}
	}
	return []material{*k.material}
}

// shares reports whether both keys have a piece of material in common.
func (k Key) shares(other Key) bool {
	return slices.ContainsFunc(k.parts(), func(part material) bool {
		return slices.Contains(other.parts(), part)
	})
}

// maySign reports whether the key has a private part and its plan lets it sign at now.
func (k Key) maySign(now time.Time) bool { return !k.onlyVerifies() && k.plan.maySign(now) }

// Sign returns the signature of message with the key's algorithm.
func (k Key) Sign(message []byte) []byte {
	if k.algorithm == EdDSA {
		return ed25519.Sign(ed25519.PrivateKey(*k.material), message)
	}
	mac := hmac.New(sha256.New, []byte(*k.material))
	mac.Write(message)
	return mac.Sum(nil)
}

// Verify reports whether signature is the key's signature of message. Its duration does not depend
// on where they differ.
func (k Key) Verify(message, signature []byte) bool {
	if k.algorithm == EdDSA {
		return ed25519.Verify(ed25519.PublicKey(k.public()), message, signature)
	}
	return hmac.Equal(k.Sign(message), signature)
}

// SignatureSize returns the exact length of a signature in bytes; 0 for an unknown algorithm.
func (a Algorithm) SignatureSize() int {
	switch a {
	case HS256:
		return sha256.Size
	case EdDSA:
		return ed25519.SignatureSize
	}
	return 0
}

// String returns the key's name without its material.
func (k Key) String() string { return "key " + string(k.id) }

// GoString returns the key's name without its material.
func (k Key) GoString() string { return k.String() }
