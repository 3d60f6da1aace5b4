// Package environment makes the keys in force of what the variables say: signing keys as a JSON object, a single secret, or material
// made up for this process. They never change while it runs.
//
// It judges structure alone, in full; whether a secret is strong is the caller's question. No fault and no text of it holds
// any part of a secret, nor a key id, which might be a secret put in the wrong place. It imports domain, ports and the standard library.
package environment

import (
	"time"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/ports"
)

// Source is a ports.KeySource over one ring.
type Source struct{ ring *keys.Keyring }

var _ ports.KeySource = Source{}

// NewSource makes a source of ring, which is not nil.
func NewSource(ring *keys.Keyring) Source { return Source{ring: ring} }

// Ring is ports.KeySource's: always the same ring.
func (s Source) Keyring() *keys.Keyring { return s.ring }

// Variables know no plan, only which key is the active one. A ring lets that key sign whose SignFrom is the latest, so the active key gets a
// later one than the others; both are long past, so that no key waits.
var (
	othersSignFrom  = time.Unix(0, 0).UTC()
	activeSignsFrom = time.Unix(1, 0).UTC()
)

// plan is the plan of the key id where active is the one that signs.
func plan(id, active keys.ID) keys.Plan {
	if id == active {
		return keys.Plan{SignFrom: activeSignsFrom}
	}
	return keys.Plan{SignFrom: othersSignFrom}
}

// RingOfMaterial is a ring of one key, made of bytes that somebody drew at random.
func KeyringOfMaterial(material []byte, active keys.ID) *keys.Keyring {
	ring, err := keys.NewKeyring(keys.NewHS256(active, material, plan(active, active)))
	if err != nil {
		panic("environment: " + err.Error()) // one key has nothing to clash with
	}
	return ring
}
