// Package environment makes a keyring of what the variables contain: signing keys as a JSON object,
// a single secret, or random material for this process. The keyring never changes while the process
// runs.
//
// The package checks the structure only, completely; the caller checks whether a secret is strong.
// No fault and no text of the package holds any part of a secret, nor a key id, which might be a
// secret in the wrong place. It imports domain, ports and the standard library.
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

// Variables have no plan, they only state which key is the active one. A keyring signs with the key
// whose SignFrom is the latest, so the active key gets a later one than the others; both are long
// past, so no key is pending.
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

// KeyringOfMaterial returns a keyring of one key, made of random bytes.
func KeyringOfMaterial(material []byte, active keys.ID) *keys.Keyring {
	keyring, err := keys.NewKeyring(keys.NewHS256(active, material, plan(active, active)))
	if err != nil {
		panic("environment: " + err.Error()) // one key cannot clash with another
	}
	return keyring
}
