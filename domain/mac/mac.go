// Package mac computes HMAC-SHA256 with keys that are used again and again, without allocating, and
// derives such keys. Use it where a key is used for more than one message, and crypto/hmac
// otherwise. The package imports the pure standard library.
package mac

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding"
	"sync"
)

// Size is the length of a MAC in bytes.
const Size = sha256.Size

// Key is a key of HMAC-SHA256 (RFC 2104 §2). It holds the two states of SHA-256 from which every
// MAC starts, as RFC 2104 §4 recommends. crypto/hmac keeps them too, but within one hash.Hash,
// which one goroutine at a time can use; a Key never changes and is safe for concurrent use. The
// zero value is not a key: every method panics.
//
// A Key is as secret as the bytes that it was made of. No format verb shows it: under a wrong verb,
// fmt follows a pointer to a struct, but not one to an interface.
type Key struct{ held *any }

// states is what Key.held points to: SHA-256 after the inner and after the outer padded key.
type states struct{ inner, outer []byte }

// New returns the Key for the given bytes, which may have any length. Of more than 64 bytes, the
// block size of SHA-256, it takes the SHA-256 digest (RFC 2104 §2).
func New(key []byte) Key {
	if len(key) > sha256.BlockSize {
		sum := sha256.Sum256(key)
		key = sum[:]
	}
	var held any = &states{inner: stateAfter(key, 0x36), outer: stateAfter(key, 0x5c)}
	return Key{held: &held}
}

// Derive returns a Key that is derived from secret for one purpose: HKDF with SHA-256 (RFC 5869),
// with the purpose as its info. Keys for different purposes are unrelated, and none reveals the
// secret.
func Derive(secret []byte, purpose string) Key {
	key, err := hkdf.Key(sha256.New, secret, nil, purpose, sha256.Size)
	if err != nil {
		panic("mac: " + err.Error()) // impossible: HKDF allows this constant length
	}
	return New(key)
}

// stateAfter returns the state of SHA-256 after one block: key, padded with zeros, with each byte
// XORed with pad.
func stateAfter(key []byte, pad byte) []byte {
	var block [sha256.BlockSize]byte
	copy(block[:], key)
	for i := range block {
		block[i] ^= pad
	}
	digest := sha256.New()
	digest.Write(block[:])
	state, err := digest.(encoding.BinaryMarshaler).MarshalBinary()
	mustState(err)
	return state
}

// Append appends the MAC of message to to and returns the extended buffer.
func (k Key) Append(to, message []byte) []byte {
	m := macs.Get().(*mac)
	defer macs.Put(m)
	return append(to, m.sum(k, message)...)
}

// Verify reports in constant time whether given is the MAC of message.
func (k Key) Verify(message, given []byte) bool {
	m := macs.Get().(*mac)
	defer macs.Put(m)
	return hmac.Equal(m.sum(k, message), given)
}

// Of returns the MAC of the concatenation of the given texts.
func (k Key) Of(texts ...string) [Size]byte {
	m := macs.Get().(*mac)
	defer macs.Put(m)
	m.message = m.message[:0]
	for _, text := range texts {
		m.message = append(m.message, text...)
	}
	return [Size]byte(m.sum(k, m.message))
}

// mac is the scratch space for computing a MAC. It belongs to no key: each MAC starts from the
// states of its key.
type mac struct {
	digest  digest
	buffer  [Size]byte
	message []byte // the concatenated texts of Of
}

// digest is a hash.Hash that can continue from a state.
type digest interface {
	Write(data []byte) (int, error)
	Sum(to []byte) []byte
	encoding.BinaryUnmarshaler
}

// macs saves the allocation of a digest for each message. BenchmarkSign and BenchmarkVerify in
// package token and BenchmarkSubject in package throttle measure its effect.
var macs = sync.Pool{New: func() any { return &mac{digest: sha256.New().(digest)} }}

// sum returns the MAC of message in m's buffer, which the next call overwrites.
func (m *mac) sum(k Key, message []byte) []byte {
	from := (*k.held).(*states)
	mustState(m.digest.UnmarshalBinary(from.inner))
	_, _ = m.digest.Write(message) // never fails
	inner := m.digest.Sum(m.buffer[:0])
	mustState(m.digest.UnmarshalBinary(from.outer))
	_, _ = m.digest.Write(inner)
	return m.digest.Sum(m.buffer[:0])
}

// mustState panics if the state of a digest cannot be saved or restored, which SHA-256 always can.
func mustState(err error) {
	if err != nil {
		panic("mac: " + err.Error())
	}
}
