package portsfake

import (
	"sync"

	"github.com/offload/sessiond/domain/keys"
)

// Keys is a ports.KeySource whose keyring a test may replace. It is safe for concurrent use.
type Keys struct {
	mu      sync.Mutex
	keyring *keys.Keyring
}

// NewKeys returns a source of the keyring.
func NewKeys(keyring *keys.Keyring) *Keys { return &Keys{keyring: keyring} }

// Keyring implements ports.KeySource.
func (k *Keys) Keyring() *keys.Keyring {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.keyring
}

// Put puts another keyring in force.
func (k *Keys) Put(keyring *keys.Keyring) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keyring = keyring
}
