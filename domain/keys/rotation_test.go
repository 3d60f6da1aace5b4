package keys_test

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
)

// retention is two hours; life adds the Margin.
var retention = keys.Retention{Lifetime: time.Hour, RenewalGrace: 50 * time.Minute,
	ClockSkew: 10 * time.Minute}

const life = 2*time.Hour + keys.Margin

func pair(id keys.ID, plan keys.Plan) keys.Key {
	return keys.NewEdDSA(id, seedOf(string(id)), plan)
}

func from(after time.Duration) keys.Plan { return keys.Plan{SignFrom: noon.Add(after)} }

func until(from, until time.Duration) keys.Plan {
	return keys.Plan{SignFrom: noon.Add(from), VerifyUntil: noon.Add(until)}
}

func revoked(plan keys.Plan) keys.Plan {
	plan.Revoked = true
	return plan
}

// plans returns the plan of every key of a keyring.
func plans(r *keys.Keyring) map[keys.ID]keys.Plan {
	all := map[keys.ID]keys.Plan{}
	for _, key := range r.Keys() {
		all[key.ID()] = key.Plan()
	}
	return all
}

// keyringOf returns a keyring of symmetric keys with these plans; nil if there are none.
func keyringOf(t testing.TB, plans map[keys.ID]keys.Plan) *keys.Keyring {
	t.Helper()
	var all []keys.Key
	for id, plan := range plans {
		all = append(all, key(id, plan))
	}
	if all == nil {
		return nil
	}
	return newKeyring(t, all...)
}

// outcome is the result of a plan: plans, or the reason why there are none.
type outcome struct {
	plans   map[keys.ID]keys.Plan
	refused *keys.PlanError
}

func planned(plans map[keys.ID]keys.Plan) outcome { return outcome{plans: plans} }

func refused(problem keys.Problem, id keys.ID) outcome {
	refused := &keys.PlanError{Problem: problem, ID: id}
	if problem == keys.ProblemTooSoon {
		refused.MinSignAfter = 10 * time.Minute
	}
	return outcome{refused: refused}
}

func outcomeOf(t testing.TB, r *keys.Keyring, err error) outcome {
	t.Helper()
	if err == nil {
		return planned(plans(r))
	}
	assert.Nil(t, r, "no keyring is returned")
	problem, ok := errors.AsType[*keys.PlanError](err)
	require.True(t, ok)
	return outcome{refused: problem}
}

func TestAdd(t *testing.T) {
	type all = map[keys.ID]keys.Plan
	soon := noon.Add(700 * time.Millisecond)
	for name, c := range map[string]struct {
		before   all
		addition keys.Addition
		now      time.Time
		want     outcome
	}{
		"the first key signs at once": {nil, keys.Addition{Key: key("new", keys.Plan{})}, noon,
			planned(all{"new": from(0)})},
		"the first key, whatever its wait": {
			nil, keys.Addition{Key: pair("new", keys.Plan{}), SignAfter: keys.EdDSA.SignAfter()}, soon,
			planned(all{"new": from(0)}),
		},
		"the first EdDSA key needs no force": {nil, keys.Addition{Key: pair("new", keys.Plan{})},
			noon, planned(all{"new": from(0)})},
		"the plan that the key had is ignored": {
			nil, keys.Addition{Key: key("new", revoked(until(-5, 5)))}, noon,
			planned(all{"new": from(0)}),
		},
		"a second key waits": {
			all{"a": from(-time.Hour)}, keys.Addition{Key: key("new", revoked(until(-5, 5))),
				SignAfter: keys.HS256.SignAfter()}, noon,
			planned(all{"a": from(-time.Hour), "new": from(10 * time.Minute)}),
		},
		"a second key, at once": {
			all{"a": from(-time.Hour)}, keys.Addition{Key: key("new", keys.Plan{})}, soon,
			planned(all{"a": from(-time.Hour), "new": from(0)}),
		},
		"truncated to whole seconds": {
			all{"a": from(-time.Hour)}, keys.Addition{Key: key("new", keys.Plan{}),
				SignAfter: 1600 * time.Millisecond}, soon,
			planned(all{"a": from(-time.Hour), "new": from(2 * time.Second)}),
		},
		"other keys do not change": {
			all{"a": until(-time.Hour, time.Hour), "b": revoked(from(-5)), "c": from(time.Hour),
				"d": until(-time.Hour, -5)},
			keys.Addition{Key: key("new", keys.Plan{}), SignAfter: time.Minute}, noon,
			planned(all{"a": until(-time.Hour, time.Hour), "b": revoked(from(-5)),
				"c": from(time.Hour), "d": until(-time.Hour, -5), "new": from(time.Minute)}),
		},
		"EdDSA after ten minutes": {
			all{"a": from(0)}, keys.Addition{Key: pair("new", keys.Plan{}),
				SignAfter: 600 * time.Second}, noon,
			planned(all{"a": from(0), "new": from(10 * time.Minute)}),
		},
		"EdDSA a nanosecond sooner": {
			all{"a": from(0)}, keys.Addition{Key: pair("new", keys.Plan{}),
				SignAfter: 600*time.Second - 1}, noon, refused(keys.ProblemTooSoon, "new"),
		},
		"EdDSA at once, forced": {
			all{"a": from(0)}, keys.Addition{Key: pair("new", keys.Plan{}), Force: true}, noon,
			planned(all{"a": from(0), "new": from(0)}),
		},
		"at the instant of keys with greater ids": {
			all{"x": from(0), "y": {SignFrom: noon.Add(time.Second)}},
			keys.Addition{Key: keys.NewHS256("new", []byte("other"), keys.Plan{})}, noon,
			planned(all{"x": from(0), "y": {SignFrom: noon.Add(time.Second)},
				"new": {SignFrom: noon.Add(2 * time.Second)}}),
		},
		"an id in use": {
			all{"a": from(0), "new": from(0)},
			keys.Addition{Key: keys.NewHS256("new", []byte("other"), keys.Plan{}), Force: true},
			noon,
			refused(keys.ProblemSameID, "new"),
		},
		"an id in use by a revoked key": {
			all{"a": from(0), "new": revoked(from(0))},
			keys.Addition{Key: pair("new", keys.Plan{}), Force: true}, noon,
			refused(keys.ProblemSameID, "new"),
		},
		"a secret in use": {
			all{"a": from(0), "b": from(0)}, keys.Addition{Key: keys.NewHS256("new",
				key("b", keys.Plan{}).Secret(), keys.Plan{}), Force: true}, noon,
			refused(keys.ProblemSameMaterial, "b"),
		},
		"a secret in use by an expired key": {
			all{"a": from(0), "b": until(-5, -4)},
			keys.Addition{Key: keys.NewHS256("new", key("b", keys.Plan{}).Secret(), keys.Plan{})},
			noon,
			refused(keys.ProblemSameMaterial, "b"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := keyringOf(t, c.before)
			after, err := keys.Add(before, c.addition, c.now)
			assert.Equal(t, c.want, outcomeOf(t, after, err))
			if before != nil {
				assert.Equal(t, c.before, plans(before), "the keyring itself stays as it was")
			}
			if err == nil && before == nil {
				signer, signs := after.SignerAt(c.now)
				assert.True(t, signs)
				assert.Equal(t, keys.ID("new"), signer.ID())
			}
		})
	}
}

// TestRefusesMaterialInUse checks that material cannot be added again, in whatever kind of key and
// by whatever operation.
func TestRefusesMaterialInUse(t *testing.T) {
	ed := pair("ed", from(-time.Hour))
	before := newKeyring(t, ed, key("hs", from(-2*time.Hour)))
	for name, again := range map[string]keys.Key{
		"the seed":                  keys.NewEdDSA("new", ed.Secret(), keys.Plan{}),
		"the seed as a secret":      keys.NewHS256("new", ed.Secret(), keys.Plan{}),
		"the public part, a secret": keys.NewHS256("new", ed.Public(), keys.Plan{}),
	} {
		addition := keys.Addition{Key: again, SignAfter: time.Hour, Force: true}
		added, err := keys.Add(before, addition, noon)
		assert.Equal(t, refused(keys.ProblemSameMaterial, "ed"), outcomeOf(t, added, err), name)
		rotated, err := keys.Rotate(before, addition, retention, noon)
		assert.Equal(t, refused(keys.ProblemSameMaterial, "ed"), outcomeOf(t, rotated, err), name)
	}
	fromSecret := keys.NewEdDSA("new", secretOf("x"), keys.Plan{})
	_, err := keys.Add(newKeyring(t, keys.NewHS256("hs", secretOf("x"), keys.Plan{})),
		keys.Addition{Key: fromSecret, Force: true}, noon)
	assert.Equal(t, &keys.PlanError{Problem: keys.ProblemSameMaterial, ID: "hs"}, err,
		"a secret as a seed")
}

// TestFullKeyringTakesNoKey adds to a keyring with as many keys as a keyset may have, and to one
// with one less.
func TestFullKeyringTakesNoKey(t *testing.T) {
	addition := keys.Addition{Key: pair("new", keys.Plan{}), Force: true}
	revocation := keys.Revocation{ID: "0", Replace: func(keys.Algorithm) keys.Key {
		return addition.Key
	}}
	var all []keys.Key
	for i := range keys.MaxKeys - 1 {
		all = append(all, keys.NewHS256(keys.ID(strconv.Itoa(i)), secretOf(strconv.Itoa(i)),
			revoked(from(0))))
	}
	all[0] = all[0].WithPlan(from(0)) // the only one that signs
	for _, c := range []struct {
		keyring *keys.Keyring
		want    error
	}{
		{newKeyring(t, all...), nil},
		{newKeyring(t, append(all, keys.NewHS256("last", secretOf("last"), revoked(from(0))))...),
			&keys.PlanError{Problem: keys.ProblemFull}},
	} {
		_, added := keys.Add(c.keyring, addition, noon)
		_, rotated := keys.Rotate(c.keyring, addition, retention, noon)
		_, _, replaced := keys.Revoke(c.keyring, revocation, noon)
		for _, err := range []error{added, rotated, replaced} {
			if c.want == nil {
				require.NoError(t, err)
			} else {
				assert.Equal(t, c.want, err)
			}
		}
	}
}

// TestAdviceForAFullKeyringWorks follows what the two errors of a full keyring advise: a prune
// where it removes something, and before it a revocation where it does not.
func TestAdviceForAFullKeyringWorks(t *testing.T) {
	full := func(others keys.Plan) *keys.Keyring {
		all := []keys.Key{keys.NewHS256("leaked", secretOf("leaked"), from(0))}
		for i := range keys.MaxKeys - 1 {
			id := strconv.Itoa(i)
			all = append(all, keys.NewHS256(keys.ID(id), secretOf(id), others))
		}
		return newKeyring(t, all...)
	}
	emergency := keys.Revocation{ID: "leaked", Replace: func(keys.Algorithm) keys.Key {
		return keys.NewHS256("new", secretOf("new"), keys.Plan{})
	}}
	for name, c := range map[string]struct {
		others keys.Plan
		want   keys.Problem
	}{
		"others revoked": {revoked(from(0)), keys.ProblemFull},
		"others pending": {from(1), keys.ProblemFullInForce},
	} {
		t.Run(name, func(t *testing.T) {
			stored := full(c.others)
			_, _, err := keys.Revoke(stored, emergency, noon)
			require.Equal(t, &keys.PlanError{Problem: c.want}, err)
			_, err = keys.Add(stored, keys.Addition{Key: emergency.Replace(keys.HS256)}, noon)
			require.Equal(t, &keys.PlanError{Problem: c.want}, err)
			if c.want == keys.ProblemFullInForce {
				stored, _, err = keys.Revoke(stored, keys.Revocation{ID: "7"}, noon)
				require.NoError(t, err)
			}
			stored, removed, err := keys.Prune(stored, noon)
			require.NoError(t, err)
			assert.NotEmpty(t, removed)
			stored, added, err := keys.Revoke(stored, emergency, noon)
			require.NoError(t, err)
			assert.Equal(t, keys.ID("new"), added)
			signer, signs := stored.SignerAt(noon)
			assert.True(t, signs)
			assert.Equal(t, added, signer.ID())
		})
	}
}

func TestPlanErrorTexts(t *testing.T) {
	words := map[string]bool{}
	for problem := keys.ProblemUnknownID; problem <= keys.ProblemFullInForce; problem++ {
		text := problem.String()
		assert.NotEqual(t, "unknown problem", text)
		assert.False(t, words[text], "%s appears twice", text)
		words[text] = true
		assert.Equal(t, "kid: "+text, (&keys.PlanError{Problem: problem, ID: "kid"}).Error())
		assert.Equal(t, text, (&keys.PlanError{Problem: problem}).Error())
	}
	assert.Len(t, words, 11)
	assert.Equal(t, "unknown problem", (keys.ProblemFullInForce + 1).String())
}
