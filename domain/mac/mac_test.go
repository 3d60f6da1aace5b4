package mac

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
)

// FuzzHMAC compares with crypto/hmac: keys shorter than a block, of a block, and longer; messages
// of any length.
func FuzzHMAC(f *testing.F) {
	for _, size := range []int{0, 1, 31, 32, 63, 64, 65, 200} {
		f.Add(bytes.Repeat([]byte{byte(size)}, size), bytes.Repeat([]byte{0xa5}, 2*size))
	}
	f.Fuzz(compareHMAC)
}

func compareHMAC(t *testing.T, key, message []byte) {
	reference := hmac.New(sha256.New, key)
	reference.Write(message)
	want := reference.Sum(nil)
	ready := New(key)
	got := ready.Append([]byte("before"), message)
	assert.Equal(t, append([]byte("before"), want...), got)
	assert.True(t, ready.Verify(message, want))
	half := len(message) / 2
	assert.Equal(t, [Size]byte(want), ready.Of(string(message[:half]), string(message[half:])))
	want[len(message)%len(want)] ^= 1
	assert.False(t, ready.Verify(message, want))
	assert.False(t, ready.Verify(message, want[:len(want)-1]))
}

// TestConcurrentMACsAreIndependent shows that pooled scratch space carries nothing from one key or
// message to the next while several goroutines compute MACs.
func TestConcurrentMACsAreIndependent(t *testing.T) {
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := range 500 {
				compareHMAC(t, bytes.Repeat([]byte{byte(worker)}, i%100),
					bytes.Repeat([]byte{byte(i)}, i))
			}
		})
	}
	group.Wait()
}

// TestDeriveIsHKDF compares derived keys with HKDF for several purposes, which give different keys.
func TestDeriveIsHKDF(t *testing.T) {
	secret := []byte("a secret of replicas")
	seen := map[[Size]byte]bool{}
	for _, purpose := range []string{"", "one", "another"} {
		want, err := hkdf.Key(sha256.New, secret, nil, purpose, sha256.Size)
		assert.NoError(t, err)
		got := Derive(secret, purpose).Of("message")
		assert.Equal(t, New(want).Of("message"), got)
		seen[got] = true
	}
	assert.Len(t, seen, 3)
}

// TestKeyIsNeverShown formats a Key, alone and inside other values. The states are as secret as the
// key that they are computed from.
func TestKeyIsNeverShown(t *testing.T) {
	key := New([]byte("a key that must not be shown"))
	held := (*key.held).(*states)
	type value struct{ key Key }
	type pointer struct{ key *Key }
	for _, v := range []any{key, &key, value{key}, pointer{&key}, &value{key}, &pointer{&key},
		[]Key{key}, []*Key{&key}, struct{ nested pointer }{pointer{&key}}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%z"} {
			shown := fmt.Sprintf(verb, v)
			for _, state := range [][]byte{held.inner, held.outer} {
				part := state[4:36] // the digest of the first block
				for _, form := range []string{"%s", "%x", "%X", "%v", "%#v", "%q"} {
					assert.NotContains(t, shown, strings.Trim(fmt.Sprintf(form, part), `[]"`), verb)
				}
			}
		}
	}
}
