// Package keyadmin changes a keyset: create, import, rotate, revoke, prune. What each change is, the domain plans; that it happens whole or not at
// all, the keyset sees to. It imports domain and ports.
package keyadmin

import (
	"context"
	"time"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/ports"
)

// secretSize is how many bytes a new symmetric key has: as many as its MAC (RFC 2104 §3).
const secretSize = 32

// Service changes one keyset.
type Service struct {
	keyset   ports.Keyset
	clock    ports.Clock
	material ports.KeyMaterial
}

// New makes a service that changes keyset.
func New(keyset ports.Keyset, clock ports.Clock, material ports.KeyMaterial) *Service {
	return &Service{keyset: keyset, clock: clock, material: material}
}

// Outcome is what a change came to.
type Outcome struct {
	// Ring is the keyset after it, Now the instant at which it was made.
	Keyring *keys.Keyring
	Now     time.Time
	// ID is the key that was added or revoked; empty for a change of several.
	ID keys.ID
	// New tells that there was no keyset before.
	New bool
	// Removed are the keys that were taken out.
	Removed []keys.ID
}

// NoKeysetError is a change of a keyset that does not exist: a name that is mistyped must not come to be a keyset of its own.
type NoKeysetError struct{}

// Error tells that.
func (NoKeysetError) Error() string { return "there is no keyset" }

// NewKey is how a key is to be made.
type NewKey struct {
	// Algorithm is HS256 or EdDSA; empty: the present signer's, that of the last key where none signs, HS256 in a new keyset.
	Algorithm keys.Algorithm
	// ID is the key's; empty: one that is made up of the day and chance.
	ID keys.ID
	// SignAfter is how long it waits before it signs; nil: as the algorithm asks.
	SignAfter *time.Duration
	// Force makes the change in spite of what speaks against it.
	Force bool
}

// Create adds a key that is made anew. The first key of a new keyset signs at once. It fails with a *keys.PlanError, or as the keyset does.
func (s *Service) Create(ctx context.Context, wanted NewKey) (Outcome, error) {
	return s.add(ctx, wanted, s.make, keys.Add)
}

// Import adds a secret that exists as a symmetric key. It fails as Create does.
func (s *Service) Import(ctx context.Context, wanted NewKey, secret []byte) (Outcome, error) {
	wanted.Algorithm = keys.HS256
	existing := func(wanted NewKey) keys.Key {
		return keys.NewHS256(wanted.ID, secret, keys.Plan{})
	}
	return s.add(ctx, wanted, existing, keys.Add)
}

// Rotate adds a key that takes over, and has the others end when nothing that they signed is of use any more. It fails as Create does, and with
// a NoKeysetError where there is nothing to rotate.
func (s *Service) Rotate(ctx context.Context, wanted NewKey, retention keys.Retention) (Outcome,
	error) {
	return s.add(ctx, wanted, s.make, func(ring *keys.Keyring, addition keys.Addition,
		now time.Time) (*keys.Keyring, error) {
		if ring == nil {
			return nil, NoKeysetError{}
		}
		return keys.Rotate(ring, addition, retention, now)
	})
}

// Revoke takes a key out of force at once. It fails as Rotate does.
func (s *Service) Revoke(ctx context.Context, id keys.ID, force bool) (Outcome, error) {
	outcome := Outcome{Now: s.clock.Now(), ID: id}
	err := s.keyset.Update(ctx, func(ring *keys.Keyring) (changed *keys.Keyring, err error) {
		if ring == nil {
			return nil, NoKeysetError{}
		}
		outcome.Keyring, err = keys.Revoke(ring, id, force, outcome.Now)
		return outcome.Keyring, err
	})
	return outcome, err
}

// Prune takes out the keys that are expired or revoked. It fails as Rotate does.
func (s *Service) Prune(ctx context.Context) (Outcome, error) {
	outcome := Outcome{Now: s.clock.Now()}
	err := s.keyset.Update(ctx, func(ring *keys.Keyring) (changed *keys.Keyring, err error) {
		if ring == nil {
			return nil, NoKeysetError{}
		}
		outcome.Keyring, outcome.Removed, err = keys.Prune(ring, outcome.Now)
		return outcome.Keyring, err
	})
	return outcome, err
}

// plan puts an addition into a ring.
type plan func(*keys.Keyring, keys.Addition, time.Time) (*keys.Keyring, error)

// add makes a key and has it planned into the keyset.
func (s *Service) add(ctx context.Context, wanted NewKey, makeKey func(NewKey) keys.Key,
	into plan) (Outcome, error) {
	outcome := Outcome{Now: s.clock.Now()}
	err := s.keyset.Update(ctx, func(ring *keys.Keyring) (changed *keys.Keyring, err error) {
		wanted := s.settle(wanted, ring, outcome.Now)
		outcome.ID, outcome.New = wanted.ID, ring == nil
		addition := keys.Addition{Key: makeKey(wanted), SignAfter: wanted.wait(),
			Force: wanted.Force}
		outcome.Keyring, err = into(ring, addition, outcome.Now)
		return outcome.Keyring, err
	})
	return outcome, err
}

// settle fills in what was left open: the algorithm is that of the present signer or of the last key, the id is made up.
func (s *Service) settle(wanted NewKey, ring *keys.Keyring, now time.Time) NewKey {
	if wanted.Algorithm == "" {
		wanted.Algorithm = keys.HS256
		if ring != nil {
			all := ring.Keys()
			last, signs := ring.SignerAt(now)
			if !signs {
				last = all[len(all)-1]
			}
			wanted.Algorithm = last.Algorithm()
		}
	}
	if wanted.ID == "" {
		wanted.ID = s.name(wanted.Algorithm, now)
	}
	return wanted
}

// make draws a new key.
func (s *Service) make(wanted NewKey) keys.Key {
	if wanted.Algorithm == keys.EdDSA {
		return keys.NewEdDSA(wanted.ID, s.material.Generate(keys.SeedSize), keys.Plan{})
	}
	return keys.NewHS256(wanted.ID, s.material.Generate(secretSize), keys.Plan{})
}

// wait is how long the key waits before it signs.
func (k NewKey) wait() time.Duration {
	switch {
	case k.SignAfter != nil:
		return *k.SignAfter
	case k.Algorithm == keys.EdDSA:
		return keys.SignAfterEdDSA
	}
	return keys.SignAfterHS256
}

// name makes up an id: the day, for people, and chance, so that two keys of one day differ.
func (s *Service) name(algorithm keys.Algorithm, now time.Time) keys.ID {
	kind := map[keys.Algorithm]string{keys.HS256: "hs", keys.EdDSA: "ed"}[algorithm]
	const letters = "abcdefghijkmnpqrstuvwxyz23456789" // 32, none that is read as another
	chance := s.material.Generate(5)
	for i, b := range chance {
		chance[i] = letters[int(b)%len(letters)]
	}
	return keys.ID(kind + "-" + now.UTC().Format(time.DateOnly) + "-" + string(chance))
}
