// Package environment makes a keyring from the environment: from signing keys in a JSON object,
// from a single secret, or from random material that is generated for the process. The keyring
// never changes while the process runs.
//
// The package checks the structure of a value completely. It does not check whether a secret is
// strong; the caller does. No fault and no other text of the package contains any part of a secret,
// or a key id, which may be a secret in the wrong place. The package imports domain, ports and the
// standard library.
package environment

import (
	"time"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/ports"
)

// Source is a ports.KeySource with one fixed keyring.
type Source struct{ keyring *keys.Keyring }

var _ ports.KeySource = Source{}

// NewSource returns a source of keyring, which must not be nil.
func NewSource(keyring *keys.Keyring) Source { return Source{keyring: keyring} }

// Keyring implements ports.KeySource. It always returns the same keyring.
func (s Source) Keyring() *keys.Keyring { return s.keyring }

// The SignFrom of keys from variables, which state only which key is active. A keyring signs with
// the key whose SignFrom is the latest, so the active key gets a later one than the others. Both
// are long past, so no key is pending.
var (
	inactiveSignFrom = time.Unix(0, 0).UTC()
	activeSignFrom   = time.Unix(1, 0).UTC()
)

// plan returns the plan of the key id, where active is the key that signs.
func plan(id, active keys.ID) keys.Plan {
	if id == active {
		return keys.Plan{SignFrom: activeSignFrom}
	}
	return keys.Plan{SignFrom: inactiveSignFrom}
}

// KeyringOfMaterial returns a keyring of one key with the id active and random material.
func KeyringOfMaterial(material []byte, active keys.ID) *keys.Keyring {
	keyring, err := keys.NewKeyring(keys.NewHS256(active, material, plan(active, active)))
	if err != nil {
		panic("environment: " + err.Error()) // one key cannot clash with another
	}
	return keyring
}
