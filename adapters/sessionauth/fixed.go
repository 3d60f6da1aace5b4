package sessionauth

import (
	"context"
	"errors"
	"strings"

	"github.com/offload/sessiond/domain/keys"
)

// Fixed holds keys that are given at the start and never change.
type Fixed struct{ all *keys.Keyring }

// NewFixed returns a Fixed with the given keys, which Secret and Keyset return. The error is
// ErrNoKeys, or keys.Faults if two keys have the same ID or the same material.
func NewFixed(all ...keys.Key) (*Fixed, error) {
	if len(all) == 0 {
		return nil, ErrNoKeys
	}
	keyring, err := keys.NewKeyring(all...)
	if err != nil {
		return nil, err
	}
	return &Fixed{keyring}, nil
}

// The errors of Secret. They reveal nothing about the secret.
var (
	// ErrKeyID reports a key ID that is not 1 to 64 characters of A-Z a-z 0-9 . _ -
	ErrKeyID = errors.New("sessionauth: a key ID must be 1 to 64 characters of A-Z a-z 0-9 . _ -")
	// ErrEmptySecret reports a secret that is empty or only white space. Anyone could sign with it.
	ErrEmptySecret = errors.New("sessionauth: the secret is empty")
)

// Secret returns the HS256 key of a secret that the issuing service reads from a variable:
// OFFLOAD_SESSION_SECRET under the ID OFFLOAD_SESSION_TOKEN_ACTIVE_KID (v2-default), or one of
// OFFLOAD_SESSION_SIGNING_KEYS. White space at both ends of the secret is removed. Secret does not
// check its strength; the issuing service does. The error is ErrKeyID or ErrEmptySecret.
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

// Keyset returns the keys of a keyset file of the issuing service: a JWK Set with private parts, in
// which every key states when it starts to sign and until when it verifies. The keys follow these
// times, but not a change of the file. The error is keys.SetFaults, which lists all faults at once
// and holds no key material.
func Keyset(text []byte) ([]keys.Key, error) {
	keyring, err := keys.ParseSet(string(text))
	if err != nil {
		return nil, err
	}
	return keyring.Keys(), nil
}

func (f *Fixed) keyring() *keys.Keyring { return f.all }

func (f *Fixed) stale(*keys.Keyring) bool { return false }

func (f *Fixed) refreshed(context.Context, *keys.Keyring) (*keys.Keyring, bool) {
	return f.all, true
}
