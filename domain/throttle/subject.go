package throttle

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

// Subject identifies what a grant is counted for: 128 bits of a keyed digest of the dimension's
// name and the subject's text. The text cannot be recovered without the key, and digests of one
// subject under two keys are unrelated.
type Subject [16]byte

// derivedKey is derived from the limiter's digest key. It is behind a pointer so that no format
// verb prints it: fmt does not call String on unexported fields, and does not follow a pointer to a
// string.
type derivedKey string

// Digester computes subjects. It holds a key that is derived from the limiter's digest key.
type Digester struct{ key *derivedKey }

// The purposes of the keys that are derived from the limiter's digest key (the info of RFC 5869).
// Storage keys digest the subject; telemetry keys digest that digest, so that no event holds what
// the storage holds.
const (
	purposeStorage   = "sessiond limiter storage v1"
	purposeTelemetry = "sessiond limiter telemetry v1"
)

// NewDigester returns the digester for a limiter's digest key. Replicas that share a storage share
// the key.
func NewDigester(digestKey []byte) Digester {
	return Digester{key: derive(digestKey, purposeStorage)}
}

// Subject returns the digest of text in dimension.
func (d Digester) Subject(dimension Dimension, text string) Subject {
	mac := hmac.New(sha256.New, []byte(*d.key))
	mac.Write([]byte(dimension.String()))
	mac.Write([]byte{0}) // ends the name, so that a name and a text cannot run together
	mac.Write([]byte(text))
	return Subject(mac.Sum(nil)[:len(Subject{})])
}

// String hides the key.
func (Digester) String() string { return "digester" }

// GoString hides the key.
func (Digester) GoString() string { return "digester" }

// Pseudonyms turns subjects into identifiers that telemetry may show.
type Pseudonyms struct{ key *derivedKey }

// NewPseudonyms returns the pseudonyms for a limiter's digest key.
func NewPseudonyms(digestKey []byte) Pseudonyms {
	return Pseudonyms{key: derive(digestKey, purposeTelemetry)}
}

// Of returns the subject's pseudonym: 12 hex digits, always the same for a subject and a digest
// key.
func (p Pseudonyms) Of(subject Subject) string {
	mac := hmac.New(sha256.New, []byte(*p.key))
	mac.Write(subject[:])
	return hex.EncodeToString(mac.Sum(nil)[:6])
}

// String hides the key.
func (Pseudonyms) String() string { return "pseudonyms" }

// GoString hides the key.
func (Pseudonyms) GoString() string { return "pseudonyms" }

func derive(digestKey []byte, purpose string) *derivedKey {
	key, err := hkdf.Key(sha256.New, digestKey, nil, purpose, sha256.Size)
	if err != nil {
		// cannot happen: the length is a constant that HKDF allows
		panic("throttle: " + err.Error())
	}
	held := derivedKey(key)
	return &held
}
