package sessionauth

import (
	"context"
	"errors"
	"strings"

	"github.com/offload/sessiond/domain/keys"
)

// Fixed are keys that were given at the start and never change.
type Fixed struct{ all *keys.Keyring }

// NewFixed puts keys together, as Secret and Keyset make them. It fails with ErrNoKeys, or with keys.Faults: an id twice, one material under two ids.
func NewFixed(all ...keys.Key) (*Fixed, error) {
	if len(all) == 0 {
		return nil, ErrNoKeys
	}
	ring, err := keys.NewKeyring(all...)
	if err != nil {
		return nil, err
	}
	return &Fixed{ring}, nil
}

// What Secret fails with. Neither tells anything of the secret.
var (
	// ErrKeyID is an id that is not 1 to 64 of A-Z a-z 0-9 . _ -
	ErrKeyID = errors.New("sessionauth: a key id must be 1 to 64 of A-Z a-z 0-9 . _ -")
	// ErrEmptySecret is a secret of which nothing is left: anybody could sign with it.
	ErrEmptySecret = errors.New("sessionauth: the secret is empty")
)

// Secret makes the HS256 key of a secret that the issuing service has in a variable: OFFLOAD_SESSION_SECRET under the id OFFLOAD_SESSION_TOKEN_ACTIVE_KID
// (v2-default), or one of OFFLOAD_SESSION_SIGNING_KEYS. White space at its ends is not part of it. Whether it is strong is not asked here; the issuing service
// does. It fails with ErrKeyID or ErrEmptySecret.
func Secret(id, secret string) (keys.Key, error) {
	kid, ok := keys.ParseID(id)
	if !ok {
		return keys.Key{}, ErrKeyID
	}
	secret = strings.TrimSpace(secret)
	if secret == "" {
		return keys.Key{}, ErrEmptySecret
	}
	return keys.NewHS256(kid, []byte(secret), keys.Plan{}), nil
}

// Keyset reads the keys of a keyset file of the issuing service: a JWK Set with private parts, in which every key says from when it signs and until when
// it verifies. That is followed; a changed file is not. It fails with keys.SetFaults, all of them at once, which hold no material.
func Keyset(text []byte) ([]keys.Key, error) {
	ring, err := keys.ParseSet(string(text))
	if err != nil {
		return nil, err
	}
	return ring.Keys(), nil
}

func (f *Fixed) ring() *keys.Keyring { return f.all }

func (f *Fixed) after(context.Context, *keys.Keyring) (*keys.Keyring, bool) { return f.all, true }
