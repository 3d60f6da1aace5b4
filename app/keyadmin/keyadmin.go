// Package keyadmin changes a keyset: it creates, imports, rotates, revokes and prunes keys. The
// domain plans each change, and the ports.Keyset applies it completely or not at all. It imports
// domain and ports.
package keyadmin

import (
	"context"
	"time"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/ports"
)

// Service changes one keyset.
type Service struct {
	keyset   ports.Keyset
	clock    ports.Clock
	material ports.KeyMaterial
}

// New returns a service that changes keyset.
func New(keyset ports.Keyset, clock ports.Clock, material ports.KeyMaterial) *Service {
	return &Service{keyset: keyset, clock: clock, material: material}
}

// Outcome is the result of a change.
type Outcome struct {
	// Keyring holds the keys after the change.
	Keyring *keys.Keyring
	// Now is the time at which the change was made.
	Now time.Time
	// ID is the key that was added or revoked; empty for a change to several.
	ID keys.ID
	// Replacement is the key that was added in place of a revoked one; empty if there is none.
	Replacement keys.ID
	// New is set if there was no keyset before.
	New bool
	// Removed lists the keys that were removed.
	Removed []keys.ID
}

// NoKeysetError is the error for a change to a keyset that does not exist. Only Create and Import
// make a new keyset, so that no other change of a mistyped name does.
type NoKeysetError struct{}

// Error implements error.
func (NoKeysetError) Error() string { return "there is no keyset" }

// NewKey describes the key to add.
type NewKey struct {
	// Algorithm is one of keys.Algorithms; any other is a bug and panics. If empty, it is that of
	// the current signer, or keys.DefaultAlgorithm if none signs.
	Algorithm keys.Algorithm
	// ID is the key's id. If it is empty, an id is made of the algorithm's prefix, the date and
	// random characters.
	ID keys.ID
	// SignAfter is how long the key is pending before it signs. Nil means the algorithm's default.
	SignAfter *time.Duration
	// Force makes the change even if a check advises against it.
	Force bool
}

// Create adds a newly generated key. The first key of a new keyset signs at once. It returns a
// *keys.PlanError, or the keyset's error.
func (s *Service) Create(ctx context.Context, wanted NewKey) (Outcome, error) {
	return s.add(ctx, wanted, s.generate, keys.Add)
}

// Import adds an existing secret as a symmetric key. It fails as Create does.
func (s *Service) Import(ctx context.Context, wanted NewKey, secret []byte) (Outcome, error) {
	wanted.Algorithm = keys.HS256
	makeKey := func(wanted NewKey) keys.Key {
		return keys.NewHS256(wanted.ID, secret, keys.Plan{})
	}
	return s.add(ctx, wanted, makeKey, keys.Add)
}

// Rotate adds a key that takes over signing, and expires the other keys once no token that they
// signed can be verified or renewed. It fails as Create does, and with a NoKeysetError if there is
// no keyset.
func (s *Service) Rotate(ctx context.Context, wanted NewKey, retention keys.Retention) (Outcome,
	error) {
	return s.add(ctx, wanted, s.generate, func(keyring *keys.Keyring, addition keys.Addition,
		now time.Time) (*keys.Keyring, error) {
		if keyring == nil {
			return nil, NoKeysetError{}
		}
		return keys.Rotate(keyring, addition, retention, now)
	})
}

// Revocation describes the key to revoke.
type Revocation struct {
	ID keys.ID
	// Replace adds, in the same change, a new key of the same algorithm that signs at once, if no
	// other key signs.
	Replace bool
	// Force revokes the key even if no key would sign afterwards.
	Force bool
}

// Revoke revokes a key at once. It fails as Rotate does.
func (s *Service) Revoke(ctx context.Context, wanted Revocation) (Outcome, error) {
	outcome := Outcome{Now: s.clock.Now(), ID: wanted.ID}
	revocation := keys.Revocation{ID: wanted.ID, Force: wanted.Force}
	if wanted.Replace {
		revocation.Replace = func(algorithm keys.Algorithm) keys.Key {
			return s.generate(NewKey{Algorithm: algorithm, ID: s.newID(algorithm, outcome.Now)})
		}
	}
	err := s.keyset.Update(ctx, func(keyring *keys.Keyring) (changed *keys.Keyring, err error) {
		if keyring == nil {
			return nil, NoKeysetError{}
		}
		outcome.Keyring, outcome.Replacement, err = keys.Revoke(keyring, revocation, outcome.Now)
		return outcome.Keyring, err
	})
	return outcome, err
}

// Prune removes the keys that are expired or revoked. It fails as Rotate does.
func (s *Service) Prune(ctx context.Context) (Outcome, error) {
	outcome := Outcome{Now: s.clock.Now()}
	err := s.keyset.Update(ctx, func(keyring *keys.Keyring) (changed *keys.Keyring, err error) {
		if keyring == nil {
			return nil, NoKeysetError{}
		}
		outcome.Keyring, outcome.Removed, err = keys.Prune(keyring, outcome.Now)
		return outcome.Keyring, err
	})
	return outcome, err
}

// addFunc returns a keyring with a key added, such as keys.Add.
type addFunc func(*keys.Keyring, keys.Addition, time.Time) (*keys.Keyring, error)

// add makes a key and adds it to the keyset with addKey.
func (s *Service) add(ctx context.Context, wanted NewKey, makeKey func(NewKey) keys.Key,
	addKey addFunc) (Outcome, error) {
	outcome := Outcome{Now: s.clock.Now()}
	err := s.keyset.Update(ctx, func(keyring *keys.Keyring) (changed *keys.Keyring, err error) {
		wanted := s.withDefaults(wanted, keyring, outcome.Now)
		outcome.ID, outcome.New = wanted.ID, keyring == nil
		addition := keys.Addition{Key: makeKey(wanted), SignAfter: wanted.signAfter(),
			Force: wanted.Force}
		outcome.Keyring, err = addKey(keyring, addition, outcome.Now)
		return outcome.Keyring, err
	})
	return outcome, err
}

// withDefaults fills in the algorithm and the id where they are empty, as NewKey describes.
func (s *Service) withDefaults(wanted NewKey, keyring *keys.Keyring, now time.Time) NewKey {
	if wanted.Algorithm == "" {
		wanted.Algorithm = keys.DefaultAlgorithm
		if keyring != nil {
			if signer, signs := keyring.SignerAt(now); signs {
				wanted.Algorithm = signer.Algorithm()
			}
		}
	}
	if wanted.ID == "" {
		wanted.ID = s.newID(wanted.Algorithm, now)
	}
	return wanted
}

// generate returns a new key.
func (s *Service) generate(wanted NewKey) keys.Key {
	return keys.Generate(wanted.Algorithm, wanted.ID, s.material.Generate)
}

// signAfter returns how long the key is pending before it signs.
func (k NewKey) signAfter() time.Duration {
	if k.SignAfter != nil {
		return *k.SignAfter
	}
	return k.Algorithm.SignAfter()
}

// newID returns an id made of the algorithm's prefix and the date, for readers, and of random
// characters, so that two keys of one day differ.
func (s *Service) newID(algorithm keys.Algorithm, now time.Time) keys.ID {
	// 32 characters, which divide the values of a byte evenly. None is easily mistaken for another.
	const letters = "abcdefghijkmnpqrstuvwxyz23456789"
	random := s.material.Generate(5)
	for i, b := range random {
		random[i] = letters[int(b)%len(letters)]
	}
	return keys.ID(algorithm.IDPrefix() + "-" + now.UTC().Format(time.DateOnly) + "-" + string(random))
}
