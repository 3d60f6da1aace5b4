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
	"github.com/offload/sessiond/ports/portsmock"
)

var noon = time.Date(2026, 2, 16, 12, 0, 0, 0, time.UTC)

// shelf is a keyset in a variable, and the service that changes it.
type shelf struct {
	*keyadmin.Service
	ring  *keys.Keyring
	now   time.Time
	drawn byte
	fails error
}

func newShelf() *shelf {
	s := &shelf{now: noon}
	s.Service = keyadmin.New(
		&portsmock.KeysetMock{UpdateFunc: func(_ context.Context,
			change func(*keys.Keyring) (*keys.Keyring, error)) error {
			if s.fails != nil {
				return s.fails
			}
			changed, err := change(s.ring)
			if err == nil {
				s.ring = changed
			}
			return err
		}},
		&portsmock.ClockMock{NowFunc: func() time.Time { return s.now }},
		&portsmock.KeyMaterialMock{GenerateFunc: func(n int) []byte {
			s.drawn++
			return bytes.Repeat([]byte{s.drawn}, n)
		}})
	return s
}

func (s *shelf) key(t *testing.T, id keys.ID) keys.Key {
	t.Helper()
	for _, key := range s.ring.Keys() {
		if key.ID() == id {
			return key
		}
	}
	t.Fatalf("there is no key %s", id)
	return keys.Key{}
}

func minutes(n int) *time.Duration {
	d := time.Duration(n) * time.Minute
	return &d
}

func TestCreate(t *testing.T) {
	s := newShelf()
	first, err := s.Create(t.Context(), keyadmin.NewKey{SignAfter: minutes(5)})
	require.NoError(t, err)
	assert.Regexp(t, regexp.MustCompile(`^hs-2026-02-16-[a-z2-9]{5}$`), first.ID)
	assert.Equal(t, keys.Plan{SignFrom: noon}, s.key(t, first.ID).Plan(),
		"the first key of a new file signs at once")
	assert.Len(t, s.key(t, first.ID).Secret(), 32)
	assert.Equal(t, s.ring, first.Keyring)
	assert.True(t, first.New)

	pair, err := s.Create(t.Context(), keyadmin.NewKey{Algorithm: keys.EdDSA, ID: "pair"})
	require.NoError(t, err)
	assert.Equal(t, keys.ID("pair"), pair.ID)
	assert.False(t, pair.New)
	assert.Equal(t, noon.Add(24*time.Hour), s.key(t, "pair").Plan().SignFrom)

	_, err = s.Create(t.Context(), keyadmin.NewKey{ID: "other"})
	require.NoError(t, err)
	assert.Equal(t, keys.HS256, s.key(t, "other").Algorithm(), "as the present signer")
	assert.Equal(t, noon.Add(10*time.Minute), s.key(t, "other").Plan().SignFrom)

	_, err = s.Revoke(t.Context(), first.ID, false)
	require.NoError(t, err)
	_, err = s.Revoke(t.Context(), "other", false)
	require.NoError(t, err)
	_, err = s.Create(t.Context(), keyadmin.NewKey{ID: "last"})
	require.NoError(t, err)
	assert.Equal(t, keys.EdDSA, s.key(t, "last").Algorithm(), "where none signs, as the last key")

	_, err = s.Create(t.Context(), keyadmin.NewKey{ID: "pair"})
	problem, ok := errors.AsType[*keys.PlanError](err)
	require.True(t, ok)
	assert.Equal(t, keys.ProblemSameID, problem.Problem)
}

func TestImport(t *testing.T) {
	s := newShelf()
	_, err := s.Import(t.Context(), keyadmin.NewKey{ID: "v2-default"}, []byte("an old secret"))
	require.NoError(t, err)
	assert.Equal(t, []byte("an old secret"), s.key(t, "v2-default").Secret())
	assert.Equal(t, keys.HS256, s.key(t, "v2-default").Algorithm())

	s = newShelf()
	_, err = s.Create(t.Context(), keyadmin.NewKey{Algorithm: keys.EdDSA, ID: "pair"})
	require.NoError(t, err)
	_, err = s.Import(t.Context(), keyadmin.NewKey{ID: "secret"}, []byte("an old secret"))
	require.NoError(t, err)
	assert.Equal(t, noon.Add(10*time.Minute), s.key(t, "secret").Plan().SignFrom,
		"it waits as a symmetric key, whoever signs")
}

func TestRotate(t *testing.T) {
	retention := keys.Retention{Lifetime: time.Hour, RenewalGrace: 24 * time.Hour,
		ClockSkew: 2 * time.Second}
	s := newShelf()
	first, err := s.Create(t.Context(), keyadmin.NewKey{Algorithm: keys.EdDSA})
	require.NoError(t, err)
	second, err := s.Rotate(t.Context(), keyadmin.NewKey{}, retention)
	require.NoError(t, err)
	assert.Equal(t, keys.EdDSA, s.key(t, second.ID).Algorithm(), "as the present signer")
	takeover := noon.Add(24 * time.Hour)
	assert.Equal(t, keys.Plan{SignFrom: takeover}, s.key(t, second.ID).Plan())
	assert.Equal(t, takeover.Add(25*time.Hour+62*time.Second),
		s.key(t, first.ID).Plan().VerifyUntil)

	_, err = s.Rotate(t.Context(), keyadmin.NewKey{}, retention)
	problem, ok := errors.AsType[*keys.PlanError](err)
	require.True(t, ok)
	assert.Equal(t, keys.ProblemPending, problem.Problem)
}

func TestRevokeAndPrune(t *testing.T) {
	s := newShelf()
	for _, id := range []keys.ID{"one", "two"} {
		_, err := s.Create(t.Context(), keyadmin.NewKey{ID: id, SignAfter: minutes(0)})
		require.NoError(t, err)
	}
	outcome, err := s.Revoke(t.Context(), "one", false)
	require.NoError(t, err)
	assert.Equal(t, keys.ID("one"), outcome.ID)
	_, err = s.Revoke(t.Context(), "two", false)
	require.Error(t, err, "the last that can sign")
	outcome, err = s.Prune(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []keys.ID{"one"}, outcome.Removed)
	assert.Len(t, s.ring.Keys(), 1)
	_, err = s.Revoke(t.Context(), "two", true)
	require.NoError(t, err)
	assert.False(t, s.ring.CanSign(s.now))
}

func TestNothingIsChangedWhereThereIsNothing(t *testing.T) {
	s := newShelf()
	_, err := s.Rotate(t.Context(), keyadmin.NewKey{Force: true}, keys.Retention{})
	assert.ErrorIs(t, err, keyadmin.NoKeysetError{})
	_, err = s.Revoke(t.Context(), "one", true)
	assert.ErrorIs(t, err, keyadmin.NoKeysetError{})
	_, err = s.Prune(t.Context())
	assert.ErrorIs(t, err, keyadmin.NoKeysetError{})
	assert.Nil(t, s.ring)
}

func TestAKeysetThatFails(t *testing.T) {
	s := newShelf()
	s.fails = errors.New("disk full")
	_, err := s.Create(t.Context(), keyadmin.NewKey{})
	assert.ErrorIs(t, err, s.fails)
}
