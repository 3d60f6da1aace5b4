package sessionclient

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Key is the key of a device, to which the sessions of a Client are bound: they are of no use
// without it. It is the identity of the installation, too: the install ID is the thumbprint of the
// public key. A Key must be safe for concurrent use.
type Key interface {
	// Signer returns the key, which is one for ECDSA on P-256 or for Ed25519, and makes one if
	// there is none. It is called before each use, so that a key which another process has
	// forgotten is not used again; it should be fast if nothing has changed.
	//
	// The Sign method of the key is called for each request, maybe by several goroutines at once,
	// and does not end with the context of the request.
	Signer(ctx context.Context) (crypto.Signer, error)
	// Forget forgets the key. The next call of Signer makes another one.
	Forget(ctx context.Context) error
}

// ErrKey reports a key that is not one for ECDSA on P-256 or for Ed25519, or a file that does not
// hold one.
var ErrKey = errors.New("sessionclient: not a P-256 or Ed25519 key")

// MemoryKey is a Key for clients in one process. It is lost when the process ends.
type MemoryKey struct {
	mu     sync.Mutex
	signer crypto.Signer
}

// NewMemoryKey returns a MemoryKey. It makes a P-256 key with the first use.
func NewMemoryKey() *MemoryKey { return &MemoryKey{} }

// Signer implements Key.
func (k *MemoryKey) Signer(context.Context) (crypto.Signer, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.signer == nil {
		signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		k.signer = signer
	}
	return k.signer, nil
}

// Forget implements Key.
func (k *MemoryKey) Forget(context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.signer = nil
	return nil
}

// Format implements fmt.Formatter. It does not print the key, which is secret.
func (k *MemoryKey) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, "device key") }

// fixedKey is a key that stays the same.
type fixedKey struct{ signer crypto.Signer }

// KeyOf returns a Key that is always signer, such as one in a TPM or a security key. SignOut leaves
// it as it is, as it does with Config.InstallID: the next session is one of the same installation.
// The error is ErrKey.
func KeyOf(signer crypto.Signer) (Key, error) {
	if _, err := newDevice(signer); err != nil {
		return nil, err
	}
	return &fixedKey{signer}, nil
}

// Signer implements Key.
func (k *fixedKey) Signer(context.Context) (crypto.Signer, error) { return k.signer, nil }

// Forget implements Key.
func (*fixedKey) Forget(context.Context) error { return nil }

// Format implements fmt.Formatter. It does not print the key, which is secret.
func (k *fixedKey) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, "device key") }
