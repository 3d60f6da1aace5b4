// Package keys decides which key signs and which keys may verify at an instant.
//
// A key is made for one algorithm, and its state is a pure function of the key and the clock. All
// that distinguishes algorithms is in a table with a row for each; no other code, here or
// elsewhere, compares algorithms to decide what to do. A keyring holds every key in every state and
// never changes; a new set of keys is a new keyring. Material never leaves a key except as a
// signature, and no format verb shows it; Secret is the one exception, for the policy that checks
// secrets and for the file that stores them. A public key of another party, such as a device, is a
// Public, which is in no keyring. The package imports mac, secret, strict and the pure standard
// library.
package keys

import (
	"iter"
	"slices"
	"strings"
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

// Key is an id, an algorithm, material and a plan. The zero value is not a key: signing or
// verifying with it is a bug and panics.
type Key struct {
	id        ID
	algorithm algorithm
	material  *material
	prepared  *prepared // made of material; a pointer for the reason given there
	plan      Plan
}

// material is the bytes that a key signs or verifies with; their layout depends on the algorithm.
// It is a string, so that no holder can change the bytes. Key holds a pointer to it, so that no
// format verb shows it: fmt does not call String on an unexported field of another type, but it
// does not follow a pointer to a string either. (It does follow a pointer to a struct or an array,
// under a wrong verb.)
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
func NewHS256(id ID, secret []byte, plan Plan) Key { return mustKey(hs256{}, id, secret, plan) }

// NewEdDSA returns an Ed25519 key made of a seed of SeedSize bytes; any other length is a bug and
// panics.
func NewEdDSA(id ID, seed []byte, plan Plan) Key { return mustKey(edDSA{}, id, seed, plan) }

// NewES256 returns a P-256 key made of its scalar, 32 bytes, big-endian. Any other length, or a
// scalar that is zero or not below the order, is a bug and panics.
func NewES256(id ID, scalar []byte, plan Plan) Key { return mustKey(es256{}, id, scalar, plan) }

// NewVerifier returns a key made of its public part alone. An invalid public part or an unknown
// algorithm is a bug and panics. The key verifies as the plan states and never signs: Sign panics,
// and no keyring returns it as a signer.
func NewVerifier(algorithm Algorithm, id ID, public []byte, plan Plan) Key {
	row := algorithm.mustRow()
	held, ok := row.fromPublic(public)
	if !ok {
		panic("keys: not a public part of " + string(algorithm))
	}
	return newKey(row, id, held, plan)
}

// Generate returns a new key of algorithm, without a plan, made of bytes that random returns. An
// unknown algorithm is a bug and panics.
func Generate(algorithm Algorithm, id ID, random func(size int) []byte) Key {
	row := algorithm.mustRow()
	return newKey(row, id, row.generate(random), Plan{})
}

// mustKey returns a key made of its private part. An invalid private part is a bug and panics.
func mustKey(row algorithm, id ID, private []byte, plan Plan) Key {
	held, ok := row.fromPrivate(private)
	if !ok {
		panic("keys: not a private part of " + string(row.name()))
	}
	return newKey(row, id, held, plan)
}

func newKey(row algorithm, id ID, held material, plan Plan) Key {
	ready := row.prepare(held)
	return Key{id: id, algorithm: row, material: &held, prepared: &ready, plan: plan}
}

// WithPlan returns the same key with another plan.
func (k Key) WithPlan(plan Plan) Key {
	k.plan = plan
	return k
}

// ID returns the key's id.
func (k Key) ID() ID { return k.id }

// Algorithm returns the algorithm that the key is made for; "" for the zero value.
func (k Key) Algorithm() Algorithm {
	if k.algorithm == nil {
		return ""
	}
	return k.algorithm.name()
}

// Form returns the form of the tokens that the key signs; 0 for the zero value.
func (k Key) Form() Form {
	if k.algorithm == nil {
		return 0
	}
	return k.algorithm.form()
}

// Plan returns the key's plan.
func (k Key) Plan() Plan { return k.plan }

// Secret returns a copy of the key's private part: all of a symmetric key, the seed of an Ed25519
// key, the scalar of a P-256 key, nil for a key that only verifies. It is for the policy that
// checks secrets and for the file that stores them; nothing else needs it.
func (k Key) Secret() []byte {
	private, ok := k.algorithm.private(*k.material)
	if !ok {
		return nil
	}
	return []byte(private)
}

// SecretChosen reports whether people may choose a key's private part, such as a passphrase, so
// that its strength must be assessed. If not, it is random bytes, which are strong unless they were
// published.
func (k Key) SecretChosen() bool { return k.algorithm.secretChosen() }

// Public returns a copy of the key's public part; nil for a symmetric key, which has none.
func (k Key) Public() []byte {
	if public := k.public(); public != "" {
		return []byte(public)
	}
	return nil
}

// public returns the key's public part; "" if it has none.
func (k Key) public() material { return k.algorithm.public(*k.material) }

// parts returns the pieces of material that no two keys of a keyring may share. The public part and
// each of its members are among them: a symmetric key made of another key's public bytes would be
// known to everyone.
func (k Key) parts() []material {
	parts := make([]material, 0, 4)
	if private, ok := k.algorithm.private(*k.material); ok {
		parts = append(parts, private.unpadded())
	}
	public := k.public()
	if public != "" {
		parts = append(parts, public.unpadded())
	}
	for _, value := range publicValues(k.algorithm, public) {
		parts = append(parts, value.unpadded())
	}
	return parts
}

// publicValues returns each public member of a JWK with its bytes in public, the public part of a
// key.
func publicValues(row algorithm, public material) iter.Seq2[byteMember, material] {
	return func(yield func(byteMember, material) bool) {
		for _, member := range row.publicMembers() {
			if !yield(member, public[:member.size]) {
				return
			}
			public = public[member.size:]
		}
	}
}

// unpadded returns material without trailing NULs: HMAC pads keys with zeros, so they make no
// difference (RFC 2104 §2).
func (m material) unpadded() material { return material(strings.TrimRight(string(m), "\x00")) }

// sharesMaterial reports whether the two keys have a piece of material in common.
func (k Key) sharesMaterial(other Key) bool {
	return slices.ContainsFunc(k.parts(), func(part material) bool {
		return slices.Contains(other.parts(), part)
	})
}

// maySign reports whether the key has a private part and its plan allows it to sign at now.
func (k Key) maySign(now time.Time) bool {
	_, private := k.algorithm.private(*k.material)
	return private && k.plan.maySign(now)
}

// Sign returns the signature of message. It panics if the key only verifies.
func (k Key) Sign(message []byte) []byte { return k.AppendSignature(nil, message) }

// AppendSignature appends the signature of message to to and returns the extended buffer; to and
// message may be the same slice. It panics if the key only verifies.
func (k Key) AppendSignature(to, message []byte) []byte {
	return (*k.prepared).appendSignature(to, message)
}

// Verify reports whether signature is the key's signature of message. Of several signatures that
// are equally valid, it accepts only the one that Sign makes. Its running time depends on nothing
// secret.
func (k Key) Verify(message, signature []byte) bool {
	return k.algorithm.canonical(signature) && (*k.prepared).verify(message, signature)
}

// String returns the key's name, without its material.
func (k Key) String() string { return "key " + string(k.id) }

// GoString returns the key's name, without its material.
func (k Key) GoString() string { return k.String() }
