// Package environment provides keys from variables: signing keys as a JSON object, a single secret,
// or random key material for this process. They do not change while the process runs.
//
// It checks the whole structure; the caller judges whether a secret is strong. No fault and no text
// holds any part of a secret, nor a key id, which could be a misplaced secret. The package imports
// domain, ports and the standard library.
package environment

import (
	"time"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/ports"
)

// Source is a ports.KeySource for one keyring.
type Source struct{ keyring *keys.Keyring }

var _ ports.KeySource = Source{}

// NewSource returns a source of keyring, which must not be nil.
func NewSource(keyring *keys.Keyring) Source { return Source{keyring: keyring} }

// Keyring implements ports.KeySource. It always returns the same keyring.
func (s Source) Keyring() *keys.Keyring { return s.keyring }

// Variables have no plan, only an active key. In a keyring, the key with the latest SignFrom signs,
// so the active key gets a later one than the others; both are long past, so that no key is
// pending.
var (
	othersSignFrom  = time.Unix(0, 0).UTC()
	activeSignsFrom = time.Unix(1, 0).UTC()
)

// plan returns the plan of the key id if active is the one that signs.
func plan(id, active keys.ID) keys.Plan {
	if id == active {
		return keys.Plan{SignFrom: activeSignsFrom}
	}
	return keys.Plan{SignFrom: othersSignFrom}
}

// KeyringOfMaterial returns a keyring of one key made of random bytes.
func KeyringOfMaterial(material []byte, active keys.ID) *keys.Keyring {
	keyring, err := keys.NewKeyring(keys.NewHS256(active, material, plan(active, active)))
	if err != nil {
		panic("environment: " + err.Error()) // cannot happen: one key has nothing to conflict with
	}
	return keyring
}
