package keyadmin_test

import (
	"bytes"
	"context"
	"errors"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/app/keyadmin"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/ports/portsfake"
)

var noon = time.Date(2026, 2, 16, 12, 0, 0, 0, time.UTC)

// fixture is a keyset in a variable, and the service that changes it.
type fixture struct {
	*keyadmin.Service
	keyring *keys.Keyring
	fill    byte  // the value of every byte of the last generated material
	err     error // returned by the keyset
}

func newFixture() *fixture {
	s := &fixture{}
	s.Service = keyadmin.New(s, portsfake.NewClock(noon), s)
	return s
}

// Update implements ports.Keyset.
func (s *fixture) Update(_ context.Context,
	change func(*keys.Keyring) (*keys.Keyring, error)) error {
	if s.err != nil {
		return s.err
	}
	changed, err := change(s.keyring)
	if err == nil {
		s.keyring = changed
	}
	return err
}

// Generate implements ports.KeyMaterial.
func (s *fixture) Generate(n int) []byte {
	s.fill++
	return bytes.Repeat([]byte{s.fill}, n)
}

func (s *fixture) key(t *testing.T, id keys.ID) keys.Key {
	t.Helper()
	for _, key := range s.keyring.Keys() {
		if key.ID() == id {
			return key
		}
	}
	t.Fatalf("no key %s in the keyring", id)
	return keys.Key{}
}

func minutes(n int) *time.Duration {
	d := time.Duration(n) * time.Minute
	return &d
}

func TestCreateAddsAKey(t *testing.T) {
	s := newFixture()
	first, err := s.Create(t.Context(), keyadmin.NewKey{SignAfter: minutes(5)})
	require.NoError(t, err)
	assert.Regexp(t, regexp.MustCompile(`^hs-2026-02-16-[a-z2-9]{5}$`), first.ID)
	assert.Equal(t, keys.Plan{SignFrom: noon}, s.key(t, first.ID).Plan(),
		"the first key of a new file signs at once")
	assert.Regexp(t, regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`), string(s.key(t, first.ID).Secret()),
		"text, which a variable can hold")
	assert.Equal(t, s.keyring, first.Keyring)
	assert.True(t, first.New)

	pair, err := s.Create(t.Context(), keyadmin.NewKey{Algorithm: keys.EdDSA, ID: "pair"})
	require.NoError(t, err)
	assert.Equal(t, keys.ID("pair"), pair.ID)
	assert.False(t, pair.New)
	assert.Equal(t, noon.Add(24*time.Hour), s.key(t, "pair").Plan().SignFrom)

	_, err = s.Create(t.Context(), keyadmin.NewKey{ID: "other"})
	require.NoError(t, err)
	assert.Equal(t, keys.HS256, s.key(t, "other").Algorithm(),
		"the algorithm of the current signer")
	assert.Equal(t, noon.Add(10*time.Minute), s.key(t, "other").Plan().SignFrom)

	_, err = s.Revoke(t.Context(), keyadmin.Revocation{ID: first.ID, Force: true})
	require.NoError(t, err)
	_, err = s.Revoke(t.Context(), keyadmin.Revocation{ID: "other", Force: true})
	require.NoError(t, err)
	_, err = s.Create(t.Context(), keyadmin.NewKey{ID: "last"})
	require.NoError(t, err)
	assert.Equal(t, keys.HS256, s.key(t, "last").Algorithm(), "the default if none signs")

	_, err = s.Create(t.Context(), keyadmin.NewKey{ID: "pair"})
	problem, ok := errors.AsType[*keys.PlanError](err)
	require.True(t, ok)
	assert.Equal(t, keys.ProblemSameID, problem.Problem)
}

func TestUnknownAlgorithmAddsNoKey(t *testing.T) {
	s := newFixture()
	for _, unknown := range []keys.Algorithm{"none", "HS1", "hs256"} {
		assert.Panics(t, func() {
			_, _ = s.Create(t.Context(), keyadmin.NewKey{Algorithm: unknown, ID: "a"})
		}, unknown)
		assert.Nil(t, s.keyring, unknown)
	}
}

func TestImportAddsASymmetricKey(t *testing.T) {
	s := newFixture()
	_, err := s.Import(t.Context(), keyadmin.NewKey{ID: "v2-default"}, []byte("an old secret"))
	require.NoError(t, err)
	assert.Equal(t, []byte("an old secret"), s.key(t, "v2-default").Secret())
	assert.Equal(t, keys.HS256, s.key(t, "v2-default").Algorithm())

	s = newFixture()
	_, err = s.Create(t.Context(), keyadmin.NewKey{Algorithm: keys.EdDSA, ID: "pair"})
	require.NoError(t, err)
	_, err = s.Import(t.Context(), keyadmin.NewKey{ID: "secret"}, []byte("an old secret"))
	require.NoError(t, err)
	assert.Equal(t, noon.Add(10*time.Minute), s.key(t, "secret").Plan().SignFrom,
		"it is pending as long as any symmetric key, whatever the current signer")
}

func TestRotateReplacesTheSigner(t *testing.T) {
	retention := keys.Retention{Lifetime: time.Hour, RenewalGrace: 24 * time.Hour,
		ClockSkew: 2 * time.Second}
	s := newFixture()
	first, err := s.Create(t.Context(), keyadmin.NewKey{Algorithm: keys.EdDSA})
	require.NoError(t, err)
	second, err := s.Rotate(t.Context(), keyadmin.NewKey{}, retention)
	require.NoError(t, err)
	assert.Equal(t, keys.EdDSA, s.key(t, second.ID).Algorithm(),
		"the algorithm of the current signer")
	takeover := noon.Add(24 * time.Hour)
	assert.Equal(t, keys.Plan{SignFrom: takeover}, s.key(t, second.ID).Plan())
	assert.Equal(t, takeover.Add(25*time.Hour+62*time.Second),
		s.key(t, first.ID).Plan().VerifyUntil)

	_, err = s.Rotate(t.Context(), keyadmin.NewKey{}, retention)
	problem, ok := errors.AsType[*keys.PlanError](err)
	require.True(t, ok)
	assert.Equal(t, keys.ProblemPending, problem.Problem)
}

func TestRevokeThenPrune(t *testing.T) {
	s := newFixture()
	for _, id := range []keys.ID{"one", "two"} {
		_, err := s.Create(t.Context(), keyadmin.NewKey{ID: id, SignAfter: minutes(0)})
		require.NoError(t, err)
	}
	outcome, err := s.Revoke(t.Context(), keyadmin.Revocation{ID: "one"})
	require.NoError(t, err)
	assert.Equal(t, keys.ID("one"), outcome.ID)
	_, err = s.Revoke(t.Context(), keyadmin.Revocation{ID: "two"})
	require.Error(t, err, "the last key that can sign")
	outcome, err = s.Prune(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []keys.ID{"one"}, outcome.Removed)
	assert.Len(t, s.keyring.Keys(), 1)
	_, err = s.Revoke(t.Context(), keyadmin.Revocation{ID: "two", Force: true})
	require.NoError(t, err)
	assert.False(t, s.keyring.CanSign(noon))
}

// TestRevokeReplaces checks for each algorithm that one change revokes a key and adds its
// replacement.
func TestRevokeReplaces(t *testing.T) {
	for _, algorithm := range keys.Algorithms() {
		s := newFixture()
		leaked, err := s.Create(t.Context(), keyadmin.NewKey{Algorithm: algorithm})
		require.NoError(t, err)
		outcome, err := s.Revoke(t.Context(), keyadmin.Revocation{ID: leaked.ID, Replace: true})
		require.NoError(t, err)
		assert.Equal(t, leaked.ID, outcome.ID)
		assert.NotEqual(t, leaked.ID, outcome.Replacement)
		assert.Equal(t, algorithm, s.key(t, outcome.Replacement).Algorithm())
		signer, signs := s.keyring.SignerAt(noon)
		require.True(t, signs)
		assert.Equal(t, outcome.Replacement, signer.ID())

		again, err := s.Revoke(t.Context(), keyadmin.Revocation{ID: leaked.ID, Replace: true})
		require.NoError(t, err)
		assert.Empty(t, again.Replacement, "another key signs already")
		assert.Len(t, s.keyring.Keys(), 2)
	}
}

func TestRefusesToChangeAMissingKeyset(t *testing.T) {
	s := newFixture()
	_, err := s.Rotate(t.Context(), keyadmin.NewKey{Force: true}, keys.Retention{})
	assert.ErrorIs(t, err, keyadmin.NoKeysetError{})
	_, err = s.Revoke(t.Context(), keyadmin.Revocation{ID: "one", Force: true})
	assert.ErrorIs(t, err, keyadmin.NoKeysetError{})
	_, err = s.Prune(t.Context())
	assert.ErrorIs(t, err, keyadmin.NoKeysetError{})
	assert.Nil(t, s.keyring)
}

func TestReturnsTheKeysetsError(t *testing.T) {
	s := newFixture()
	s.err = errors.New("disk full")
	_, err := s.Create(t.Context(), keyadmin.NewKey{})
	assert.ErrorIs(t, err, s.err)
}
