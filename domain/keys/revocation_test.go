package keys_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
)

func TestRevoke(t *testing.T) {
	type all = map[keys.ID]keys.Plan
	for name, c := range map[string]struct {
		before all
		id     keys.ID
		force  bool
		want   outcome
	}{
		"the signer, with another to sign": {
			all{"a": from(-2), "b": from(-1)}, "b", false,
			planned(all{"a": from(-2), "b": revoked(from(-1))}),
		},
		"the signer, with a pending key": {
			all{"a": from(-1), "b": from(time.Hour)}, "a", false,
			refused(keys.ProblemNoSignerNow, "a"),
		},
		"the signer, with a pending key, forced": {
			all{"a": from(-1), "b": from(time.Hour)}, "a", true,
			planned(all{"a": revoked(from(-1)), "b": from(time.Hour)}),
		},
		"a pending key": {
			all{"a": from(-1), "b": from(time.Hour)}, "b", false,
			planned(all{"a": from(-1), "b": revoked(from(time.Hour))}),
		},
		"an expired key keeps its end": {
			all{"a": from(-1), "b": until(-5, -4)}, "b", false,
			planned(all{"a": from(-1), "b": revoked(until(-5, -4))}),
		},
		"a revoked key": {
			all{"a": from(-1), "b": revoked(from(-5))}, "b", false,
			planned(all{"a": from(-1), "b": revoked(from(-5))}),
		},
		"the only key": {all{"a": from(-1)}, "a", false,
			refused(keys.ProblemNoSignerNow, "a")},
		"the only key, forced": {all{"a": from(-1)}, "a", true,
			planned(all{"a": revoked(from(-1))})},
		"the last key that can sign": {
			all{"a": from(-1), "b": revoked(from(-2)), "c": until(-5, 0),
				"d": revoked(from(time.Hour))}, "a", false, refused(keys.ProblemNoSignerNow, "a"),
		},
		"the last key that can sign is pending": {
			all{"a": from(time.Hour), "b": revoked(from(-2))}, "a", false,
			refused(keys.ProblemNoSignerNow, "a"),
		},
		"the last key that can sign, forced": {
			all{"a": from(-1), "b": revoked(from(-2))}, "a", true,
			planned(all{"a": revoked(from(-1)), "b": revoked(from(-2))}),
		},
		"no key can sign before": {
			all{"a": until(-5, 0), "b": until(-5, -1)}, "a", false,
			refused(keys.ProblemNoSignerNow, "a"),
		},
		"an unknown id": {all{"a": from(-1)}, "b", false,
			refused(keys.ProblemUnknownID, "b")},
		"an unknown id, forced": {all{"a": from(-1)}, "b", true,
			refused(keys.ProblemUnknownID, "b")},
		"an id in another case": {all{"a": from(-1)}, "A", true,
			refused(keys.ProblemUnknownID, "A")},
	} {
		t.Run(name, func(t *testing.T) {
			before := keyringOf(t, c.before)
			after, added, err := keys.Revoke(before, keys.Revocation{ID: c.id, Force: c.force},
				noon)
			assert.Empty(t, added)
			assert.Equal(t, c.want, outcomeOf(t, after, err))
			assert.Equal(t, c.before, plans(before), "the keyring itself stays as it was")
			if err == nil {
				_, verifies := after.VerifierAt(c.id, noon)
				assert.False(t, verifies, "a revoked key stops verifying at once")
			}
		})
	}
}

func TestRevokeWithReplacement(t *testing.T) {
	type all = map[keys.ID]keys.Plan
	const ago = -time.Minute
	for name, c := range map[string]struct {
		before all
		id     keys.ID
		want   all
	}{
		"the only key": {
			all{"a": from(-time.Hour)}, "a",
			all{"a": revoked(from(-time.Hour)), "new": from(ago)},
		},
		"the signer, with a pending key": {
			all{"a": from(-time.Hour), "b": from(time.Hour)}, "a",
			all{"a": revoked(from(-time.Hour)), "b": from(time.Hour), "new": from(ago)},
		},
		"the signer, with another that may sign": {
			all{"a": from(-2 * time.Hour), "b": from(-time.Hour)}, "b",
			all{"a": from(-2 * time.Hour), "b": revoked(from(-time.Hour))},
		},
		"a key that does not sign": {
			all{"a": from(-time.Hour), "b": from(time.Hour)}, "b",
			all{"a": from(-time.Hour), "b": revoked(from(time.Hour))},
		},
		"a revoked key, while none signs": {
			all{"a": revoked(from(-time.Hour))}, "a",
			all{"a": revoked(from(-time.Hour)), "new": from(ago)},
		},
		"a key that began to sign less than a minute ago": {
			all{"a": from(-10 * time.Second)}, "a",
			all{"a": revoked(from(-10 * time.Second)), "new": from(-9 * time.Second)},
		},
		"an expired key began to sign less than a minute ago": {
			all{"a": from(-time.Hour), "b": until(-30*time.Second, -10*time.Second)}, "a",
			all{"a": revoked(from(-time.Hour)), "b": until(-30*time.Second, -10*time.Second),
				"new": from(-29 * time.Second)},
		},
		"a key that began to sign within this second": {
			all{"a": from(-time.Millisecond)}, "a",
			all{"a": revoked(from(-time.Millisecond)), "new": from(0)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := keyringOf(t, c.before)
			revocation := keys.Revocation{ID: c.id, Replace: func(algorithm keys.Algorithm) keys.Key {
				assert.Equal(t, keys.HS256, algorithm)
				return key("new", keys.Plan{})
			}}
			after, added, err := keys.Revoke(before, revocation, noon)
			require.NoError(t, err)
			assert.Equal(t, c.want, plans(after))
			signer, signs := after.SignerAt(noon)
			assert.True(t, signs, "a key signs now")
			if _, replaced := c.want["new"]; replaced {
				assert.Equal(t, keys.ID("new"), added)
				assert.Equal(t, added, signer.ID())
			} else {
				assert.Empty(t, added)
			}
		})
	}
}

// TestReplacementHasTheRevokedKeysAlgorithm checks also that a replacement signs at once, although
// its algorithm has a shortest wait.
func TestReplacementHasTheRevokedKeysAlgorithm(t *testing.T) {
	before := newKeyring(t, pair("ed", from(-time.Hour)), key("hs", from(time.Hour)))
	after, added, err := keys.Revoke(before, keys.Revocation{ID: "ed",
		Replace: func(algorithm keys.Algorithm) keys.Key {
			assert.Equal(t, keys.EdDSA, algorithm)
			return pair("new", keys.Plan{})
		}}, noon)
	require.NoError(t, err)
	assert.Equal(t, keys.ID("new"), added)
	signer, _ := after.SignerAt(noon.Add(-50 * time.Second))
	assert.Equal(t, added, signer.ID(), "it signs where the clock is behind")
}

func TestPrune(t *testing.T) {
	type all = map[keys.ID]keys.Plan
	for name, c := range map[string]struct {
		before  all
		want    outcome
		removed []keys.ID
	}{
		"nothing": {all{"a": from(-1), "b": from(time.Hour)},
			planned(all{"a": from(-1), "b": from(time.Hour)}), nil},
		"expired": {all{"a": from(-1), "b": until(-5, -1)},
			planned(all{"a": from(-1)}), []keys.ID{"b"}},
		"expired at this instant": {all{"a": from(-1), "b": until(-5, 0)},
			planned(all{"a": from(-1)}), []keys.ID{"b"}},
		"expires in a nanosecond": {all{"a": from(-1), "b": until(-5, 1)},
			planned(all{"a": from(-1), "b": until(-5, 1)}), nil},
		"revoked": {all{"a": from(-1), "b": revoked(from(-5))},
			planned(all{"a": from(-1)}), []keys.ID{"b"}},
		"revoked while pending": {all{"a": from(-1), "b": revoked(from(time.Hour))},
			planned(all{"a": from(-1)}), []keys.ID{"b"}},
		"expired and revoked, in order": {all{"a": from(-1), "d": revoked(from(-5)),
			"c": until(-4, 0), "b": revoked(until(-6, -5))},
			planned(all{"a": from(-1)}), []keys.ID{"b", "d", "c"}},
		"a pending key is kept": {all{"a": from(time.Hour), "b": until(-5, 0)},
			planned(all{"a": from(time.Hour)}), []keys.ID{"b"}},
		"no key would be left": {all{"a": revoked(from(-1)), "b": until(-5, 0)},
			refused(keys.ProblemNoSigner, ""), nil},
		"the only key, revoked": {all{"a": revoked(from(-1))},
			refused(keys.ProblemNoSigner, ""), nil},
	} {
		t.Run(name, func(t *testing.T) {
			before := keyringOf(t, c.before)
			after, removed, err := keys.Prune(before, noon)
			assert.Equal(t, c.want, outcomeOf(t, after, err))
			assert.Equal(t, c.removed, removed)
			assert.Equal(t, c.before, plans(before), "the keyring itself stays as it was")
		})
	}
}
