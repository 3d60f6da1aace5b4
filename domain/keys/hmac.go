package keys

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding"
	"sync"
)

// hmacKey is a key of HMAC-SHA256 (RFC 2104 §2): the two states of SHA-256 from which every message
// starts, which is what section 4 of it recommends to keep. crypto/hmac keeps them too, but within
// one MAC that one goroutine uses; these are constants, which all share.
type hmacKey struct{ inner, outer []byte }

func newHMACKey(key []byte) hmacKey {
	if len(key) > sha256.BlockSize {
		sum := sha256.Sum256(key)
		key = sum[:]
	}
	return hmacKey{inner: stateAfter(key, 0x36), outer: stateAfter(key, 0x5c)}
}

// stateAfter returns the state of SHA-256 after one block: key, padded with zeros, with each byte
// combined with pad.
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

func (k hmacKey) appendSignature(to, message []byte) []byte {
	m := macs.Get().(*mac)
	defer macs.Put(m)
	return append(to, m.sum(k, message)...)
}

func (k hmacKey) verify(message, signature []byte) bool {
	m := macs.Get().(*mac)
	defer macs.Put(m)
	return hmac.Equal(m.sum(k, message), signature)
}

// mac is what computing a MAC needs. It belongs to no key: each message starts from a state of the
// key's.
type mac struct {
	digest digest
	buffer [sha256.Size]byte
}

// digest is a hash.Hash that can continue from a state.
type digest interface {
	Write(data []byte) (int, error)
	Sum(to []byte) []byte
	encoding.BinaryUnmarshaler
}

// macs saves the allocation of a digest for each token: BenchmarkSign and BenchmarkVerify in package
// token.
var macs = sync.Pool{New: func() any { return &mac{digest: sha256.New().(digest)} }}

// sum returns the MAC of message, which is valid until the next call.
func (m *mac) sum(k hmacKey, message []byte) []byte {
	mustState(m.digest.UnmarshalBinary(k.inner))
	_, _ = m.digest.Write(message) // never fails
	inner := m.digest.Sum(m.buffer[:0])
	mustState(m.digest.UnmarshalBinary(k.outer))
	_, _ = m.digest.Write(inner)
	return m.digest.Sum(m.buffer[:0])
}

// mustState panics if the state of a digest cannot be saved or restored, which SHA-256 always can.
func mustState(err error) {
	if err != nil {
		panic("keys: " + err.Error())
	}
}
