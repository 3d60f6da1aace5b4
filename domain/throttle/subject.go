package throttle

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

// Subject is who a grant is counted for: 128 bits of a keyed digest over the dimension's name and the subject's text. The text cannot be
// had back from it without the key, and equal subjects under two keys have nothing in common.
type Subject [16]byte

// derivedKey is derived from the limiter's digest key. It is held behind a pointer, so that no format verb shows it: fmt asks no
// unexported field of another type for its String, but neither does it follow a pointer to a string.
type derivedKey string

// Digester makes subjects. It holds a key of its own, derived from the limiter's digest key.
type Digester struct{ key *derivedKey }

// The purposes for which a key is derived from the limiter's digest key (RFC 5869, as info). Storage digests the subject; the other
// digests that digest, so that no event holds what the storage holds.
const (
	purposeStorage   = "sessiond limiter storage v1"
	purposeTelemetry = "sessiond limiter telemetry v1"
)

// NewDigester makes the digester of a limiter's digest key. Replicas that share a storage share the key.
func NewDigester(digestKey []byte) Digester {
	return Digester{key: derive(digestKey, purposeStorage)}
}

// Subject is the digest of text in dimension.
func (d Digester) Subject(dimension Dimension, text string) Subject {
	mac := hmac.New(sha256.New, []byte(*d.key))
	mac.Write([]byte(dimension.String()))
	mac.Write([]byte{0}) // ends the name, so that no name and text run into each other
	mac.Write([]byte(text))
	return Subject(mac.Sum(nil)[:len(Subject{})])
}

// String hides the key.
func (Digester) String() string { return "digester" }

// GoString hides the key.
func (Digester) GoString() string { return "digester" }

// Pseudonyms turns subjects into what telemetry may show.
type Pseudonyms struct{ key *derivedKey }

// NewPseudonyms makes the pseudonyms of a limiter's digest key.
func NewPseudonyms(digestKey []byte) Pseudonyms {
	return Pseudonyms{key: derive(digestKey, purposeTelemetry)}
}

// Of is the subject's pseudonym: 12 hex digits, the same for the same subject under the same digest key.
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
		panic("throttle: " + err.Error()) // the length asked for is a constant that HKDF allows
	}
	held := derivedKey(key)
	return &held
}
