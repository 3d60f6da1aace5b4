// Package keys tells who signs now and who may verify now.
//
// A key is made for one algorithm, and its state is a pure function of the key and the clock. A ring holds every key in every state and
// never changes; a new set of keys is a new ring. Material never leaves a key but as a signature: no format verb shows it. The package
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

// MaxID is the most characters of a key id.
const MaxID = 64

// ID names a key: 1 to MaxID of A-Z a-z 0-9 . _ -
type ID string

// ParseID takes text for a key id; ok is false where it breaks the bounds.
func ParseID(text string) (id ID, ok bool) {
	if !strict.Plain(text, MaxID) {
		return "", false
	}
	return ID(text), true
}

// Algorithm is what a key is made for, by its JOSE name (RFC 7518 §3.1, RFC 8037 §3.1).
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

// Key is an id, an algorithm, material and a plan. The zero value is no key: whoever signs or verifies with it has a defect, and
// panics.
type Key struct {
	id        ID
	algorithm Algorithm
	material  *material
	plan      Plan
}

// material is what a key signs with: for HS256 the key bytes, for EdDSA the seed and the public key, or the public key alone where the key
// only verifies. It is a string, so that no holder can
// change them. It lies behind a pointer, so that no format verb shows it: fmt asks no unexported field of another type for its String, but
// neither does it follow a pointer to a string. (One to a struct or an array it follows, under a wrong verb.)
type material string

// Plan is when a key may do what.
type Plan struct {
	// SignFrom is the instant from which the key may sign; until then it only verifies.
	SignFrom time.Time
	// VerifyUntil is the instant from which the key neither signs nor verifies; zero means never.
	VerifyUntil time.Time
	// Revoked keys neither sign nor verify, whatever the instants say.
	Revoked bool
}

// NewHS256 makes a symmetric key of the bytes of secret. Whether they are strong is not asked here.
func NewHS256(id ID, secret []byte, plan Plan) Key {
	held := material(secret)
	return Key{id: id, algorithm: HS256, material: &held, plan: plan}
}

// NewEdDSA makes an Ed25519 key of a seed of SeedSize bytes; any other length is a defect, and panics.
func NewEdDSA(id ID, seed []byte, plan Plan) Key {
	held := material(ed25519.NewKeyFromSeed(seed))
	return Key{id: id, algorithm: EdDSA, material: &held, plan: plan}
}

// NewVerifier makes an Ed25519 key of its public part alone, ed25519.PublicKeySize bytes; any other length is a defect, and panics. It
// verifies as the plan says and never signs: Sign panics, and no ring takes it for a signer.
func NewVerifier(id ID, public []byte, plan Plan) Key {
	if len(public) != ed25519.PublicKeySize {
		panic("keys: an Ed25519 public key of another length")
	}
	held := material(public)
	return Key{id: id, algorithm: EdDSA, material: &held, plan: plan}
}

// WithPlan is the same key under another plan.
func (k Key) WithPlan(plan Plan) Key {
	k.plan = plan
	return k
}

// ID is the key's id.
func (k Key) ID() ID { return k.id }

// Algorithm is the algorithm that the key is made for.
func (k Key) Algorithm() Algorithm { return k.algorithm }

// Plan is when the key may do what.
func (k Key) Plan() Plan { return k.plan }

// Secret is a copy of the key's private bytes: the whole of a symmetric key, the seed of an Ed25519 one; nil for a key that only
// verifies. It is for the policy that judges them and for the file that keeps them; nothing else has a use for it.
func (k Key) Secret() []byte {
	if k.onlyVerifies() {
		return nil
	}
	if k.algorithm == EdDSA {
		return []byte((*k.material)[:SeedSize])
	}
	return []byte(*k.material)
}

// Public is a copy of an Ed25519 key's public bytes; nil for a symmetric key, which has none.
func (k Key) Public() []byte {
	if k.algorithm == EdDSA {
		return []byte(k.public())
	}
	return nil
}

// public are an Ed25519 key's public bytes, which come last in its material.
func (k Key) public() material {
	return (*k.material)[len(*k.material)-ed25519.PublicKeySize:]
}

// onlyVerifies tells whether the private part is elsewhere.
func (k Key) onlyVerifies() bool {
	return k.algorithm == EdDSA && len(*k.material) == ed25519.PublicKeySize
}

// parts are the pieces of material that keys of one ring must not share. A symmetric key made of an Ed25519 key's public bytes would be one
// that everybody knows.
func (k Key) parts() []material {
	if k.algorithm == EdDSA && !k.onlyVerifies() {
		return []material{(*k.material)[:SeedSize], k.public()}
	}
	return []material{*k.material}
}

// shares tells whether both keys are made of the same bytes.
func (k Key) shares(other Key) bool {
	return slices.ContainsFunc(k.parts(), func(part material) bool {
		return slices.Contains(other.parts(), part)
	})
}

// maySign tells whether the key has what signs, and the plan lets it sign at now.
func (k Key) maySign(now time.Time) bool { return !k.onlyVerifies() && k.plan.maySign(now) }

// Sign signs message with the key's algorithm.
func (k Key) Sign(message []byte) []byte {
	if k.algorithm == EdDSA {
		return ed25519.Sign(ed25519.PrivateKey(*k.material), message)
	}
	mac := hmac.New(sha256.New, []byte(*k.material))
	mac.Write(message)
	return mac.Sum(nil)
}

// Verify tells whether signature is the key's for message. How long that takes does not depend on where they differ.
func (k Key) Verify(message, signature []byte) bool {
	if k.algorithm == EdDSA {
		return ed25519.Verify(ed25519.PublicKey(k.public()), message, signature)
	}
	return hmac.Equal(k.Sign(message), signature)
}

// SignatureSize is the exact length of a signature under a, in bytes; 0 where nobody knows a.
func (a Algorithm) SignatureSize() int {
	switch a {
	case HS256:
		return sha256.Size
	case EdDSA:
		return ed25519.SignatureSize
	}
	return 0
}

// String names the key without its material.
func (k Key) String() string { return "key " + string(k.id) }

// GoString names the key without its material.
func (k Key) GoString() string { return k.String() }
