package keys_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
)

// retention is two hours and a minute, Margin included.
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

// plans are what a keyring has planned.
func plans(r *keys.Keyring) map[keys.ID]keys.Plan {
	all := map[keys.ID]keys.Plan{}
	for _, key := range r.Keys() {
		all[key.ID()] = key.Plan()
	}
	return all
}

// ringOf makes symmetric keys of plans; none is no keyring.
func ringOf(t testing.TB, plans map[keys.ID]keys.Plan) *keys.Keyring {
	t.Helper()
	var all []keys.Key
	for id, plan := range plans {
		all = append(all, key(id, plan))
	}
	if all == nil {
		return nil
	}
	return keyring(t, all...)
}

// outcome is what came of a plan: plans, or why there are none.
type outcome struct {
	plans   map[keys.ID]keys.Plan
	refused *keys.PlanError
}

func planned(plans map[keys.ID]keys.Plan) outcome { return outcome{plans: plans} }

func refused(problem keys.Problem, id keys.ID) outcome {
	return outcome{refused: &keys.PlanError{Problem: problem, ID: id}}
}

func outcomeOf(t testing.TB, r *keys.Keyring, err error) outcome {
	t.Helper()
	if err == nil {
		return planned(plans(r))
	}
	assert.Nil(t, r, "nothing comes of it")
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
			nil, keys.Addition{Key: pair("new", keys.Plan{}), SignAfter: keys.SignAfterEdDSA}, soon,
			planned(all{"new": from(0)}),
		},
		"the first EdDSA key needs no force": {nil, keys.Addition{Key: pair("new", keys.Plan{})},
			noon, planned(all{"new": from(0)})},
		"what the key had planned is nothing": {
			nil, keys.Addition{Key: key("new", revoked(until(-5, 5)))}, noon,
			planned(all{"new": from(0)}),
		},
		"a second key waits": {
			all{"a": from(-time.Hour)}, keys.Addition{Key: key("new", revoked(until(-5, 5))),
				SignAfter: keys.SignAfterHS256}, noon,
			planned(all{"a": from(-time.Hour), "new": from(10 * time.Minute)}),
		},
		"a second key, at once": {
			all{"a": from(-time.Hour)}, keys.Addition{Key: key("new", keys.Plan{})}, soon,
			planned(all{"a": from(-time.Hour), "new": from(0)}),
		},
		"whole seconds": {
			all{"a": from(-time.Hour)}, keys.Addition{Key: key("new", keys.Plan{}),
				SignAfter: 1600 * time.Millisecond}, soon,
			planned(all{"a": from(-time.Hour), "new": from(2 * time.Second)}),
		},
		"every other key stays as it is": {
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
		"EdDSA a moment sooner": {
			all{"a": from(0)}, keys.Addition{Key: pair("new", keys.Plan{}),
				SignAfter: 600*time.Second - 1}, noon, refused(keys.ProblemTooSoon, "new"),
		},
		"EdDSA at once, forced": {
			all{"a": from(0)}, keys.Addition{Key: pair("new", keys.Plan{}), Force: true}, noon,
			planned(all{"a": from(0), "new": from(0)}),
		},
		"at the instant of keys with greater ids, which would sign in its place": {
			all{"x": from(0), "y": {SignFrom: noon.Add(time.Second)}},
			keys.Addition{Key: keys.NewHS256("new", []byte("other"), keys.Plan{})}, noon,
			planned(all{"x": from(0), "y": {SignFrom: noon.Add(time.Second)},
				"new": {SignFrom: noon.Add(2 * time.Second)}}),
		},
		"an id that is there": {
			all{"a": from(0), "new": from(0)},
			keys.Addition{Key: keys.NewHS256("new", []byte("other"), keys.Plan{}), Force: true},
			noon,
			refused(keys.ProblemSameID, "new"),
		},
		"an id that is there, revoked": {
			all{"a": from(0), "new": revoked(from(0))},
			keys.Addition{Key: pair("new", keys.Plan{}), Force: true}, noon,
			refused(keys.ProblemSameID, "new"),
		},
		"a secret that is there": {
			all{"a": from(0), "b": from(0)}, keys.Addition{Key: keys.NewHS256("new",
				key("b", keys.Plan{}).Secret(), keys.Plan{}), Force: true}, noon,
			refused(keys.ProblemSameMaterial, "b"),
		},
		"a secret that is there, expired": {
			all{"a": from(0), "b": until(-5, -4)},
			keys.Addition{Key: keys.NewHS256("new", key("b", keys.Plan{}).Secret(), keys.Plan{})},
			noon,
			refused(keys.ProblemSameMaterial, "b"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := ringOf(t, c.before)
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

// TestMaterialEntersOnce: in whatever key it comes again, and by whatever command.
func TestMaterialEntersOnce(t *testing.T) {
	ed := pair("ed", from(-time.Hour))
	before := keyring(t, ed, key("hs", from(-2*time.Hour)))
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
	_, err := keys.Add(keyring(t, keys.NewHS256("hs", secretOf("x"), keys.Plan{})),
		keys.Addition{Key: fromSecret, Force: true}, noon)
	assert.Equal(t, &keys.PlanError{Problem: keys.ProblemSameMaterial, ID: "hs"}, err,
		"a secret as a seed")
}

func TestRotate(t *testing.T) {
	type all = map[keys.ID]keys.Plan
	fresh := keys.Addition{Key: key("new", revoked(until(-5, 5))), SignAfter: 10 * time.Minute}
	forced := fresh
	forced.Force = true
	atOnce := keys.Addition{Key: key("new", keys.Plan{})}
	const tenth = 10 * time.Minute
	for name, c := range map[string]struct {
		before   all
		addition keys.Addition
		now      time.Time
		want     outcome
	}{
		"the signer ends when its last session is of no use": {
			all{"a": from(-time.Hour)}, fresh, noon,
			planned(all{"a": until(-time.Hour, tenth+life), "new": from(tenth)}),
		},
		"so does every key without an end": {
			all{"a": from(-time.Hour), "b": from(-2 * time.Hour)}, fresh, noon,
			planned(all{"a": until(-time.Hour, tenth+life), "b": until(-2*time.Hour, tenth+life),
				"new": from(tenth)}),
		},
		"an end is not moved, be it sooner or later": {
			all{"a": from(-time.Hour), "b": until(-2*time.Hour, 1),
				"c": until(-2*time.Hour, 1000*time.Hour)}, fresh, noon,
			planned(all{"a": until(-time.Hour, tenth+life), "b": until(-2*time.Hour, 1),
				"c": until(-2*time.Hour, 1000*time.Hour), "new": from(tenth)}),
		},
		"expired and revoked keys are not touched": {
			all{"a": from(-time.Hour), "b": revoked(from(-2 * time.Hour)),
				"c": until(-2*time.Hour, 0), "d": revoked(until(-2*time.Hour, time.Hour))}, fresh,
			noon,
			planned(all{
				"a": until(-time.Hour, tenth+life), "b": revoked(from(-2 * time.Hour)),
				"c": until(-2*time.Hour, 0), "d": revoked(until(-2*time.Hour, time.Hour)),
				"new": from(tenth),
			}),
		},
		"at once": {all{"a": from(-time.Hour)}, atOnce, noon,
			planned(all{"a": until(-time.Hour, life), "new": from(0)})},
		"at once, within a second": {
			all{"a": from(-time.Hour)}, atOnce, noon.Add(999 * time.Millisecond),
			planned(all{"a": until(-time.Hour, life), "new": from(0)}),
		},
		"in another zone": {
			all{"a": from(-time.Hour)}, fresh, noon.In(time.FixedZone("", 3600)),
			planned(all{"a": until(-time.Hour, tenth+life), "new": from(tenth)}),
		},
		"later than a key of this second": {
			all{"a": from(0)}, atOnce, noon, planned(all{"a": until(0, time.Second+life),
				"new": from(time.Second)}),
		},
		"later than a key of a fraction": {
			all{"a": from(500 * time.Millisecond)}, atOnce, noon.Add(600 * time.Millisecond),
			planned(all{"a": until(500*time.Millisecond, time.Second+life),
				"new": from(time.Second)}),
		},
		"later than every other, revoked or not": {
			all{"a": from(-time.Hour), "b": revoked(from(time.Hour))}, fresh, noon,
			planned(all{"a": until(-time.Hour, time.Hour+time.Second+life),
				"b": revoked(from(time.Hour)), "new": from(time.Hour + time.Second)}),
		},
		"a key is pending": {
			all{"a": from(-time.Hour), "b": from(1)}, fresh, noon,
			refused(keys.ProblemPending, "b"),
		},
		"a key is pending that will end": {
			all{"a": from(-time.Hour), "b": until(1, 5)}, fresh, noon,
			refused(keys.ProblemPending, "b"),
		},
		"a key was pending until now": {
			all{"a": until(-time.Hour, time.Hour), "b": from(0)}, fresh, noon,
			planned(all{"a": until(-time.Hour, time.Hour), "b": until(0, tenth+life),
				"new": from(tenth)}),
		},
		"a key is pending, forced: it is retired too": {
			all{"a": from(-time.Hour), "b": from(time.Minute)}, forced, noon,
			planned(all{"a": until(-time.Hour, tenth+life), "b": until(time.Minute, tenth+life),
				"new": from(tenth)}),
		},
		"a key is pending beyond the takeover, forced": {
			all{"a": from(-time.Hour), "b": from(time.Hour)}, forced, noon,
			planned(all{"a": until(-time.Hour, time.Hour+time.Second+life),
				"b":   until(time.Hour, time.Hour+time.Second+life),
				"new": from(time.Hour + time.Second)}),
		},
		"a pending one that was revoked does not hinder": {
			all{"a": from(-time.Hour), "b": revoked(from(time.Minute))}, fresh, noon,
			planned(all{"a": until(-time.Hour, tenth+life), "b": revoked(from(time.Minute)),
				"new": from(tenth)}),
		},
		"the signer ends a moment too soon": {
			all{"a": until(-time.Hour, tenth+life-1)}, fresh, noon,
			refused(keys.ProblemSignerEnds, "a"),
		},
		"the signer ends just then": {
			all{"a": until(-time.Hour, tenth+life)}, fresh, noon,
			planned(all{"a": until(-time.Hour, tenth+life), "new": from(tenth)}),
		},
		"the signer ends too soon, forced": {
			all{"a": until(-time.Hour, 5), "b": from(-2 * time.Hour)}, forced, noon,
			planned(all{"a": until(-time.Hour, 5), "b": until(-2*time.Hour, tenth+life),
				"new": from(tenth)}),
		},
		"nobody signs": {
			all{"a": until(-time.Hour, 0), "b": revoked(from(-time.Hour))}, fresh, noon,
			planned(all{"a": until(-time.Hour, 0), "b": revoked(from(-time.Hour)),
				"new": from(tenth)}),
		},
		"EdDSA takes over from HS256": {
			all{"a": from(-time.Hour)}, keys.Addition{Key: pair("new", keys.Plan{}),
				SignAfter: keys.SignAfterEdDSA}, noon,
			planned(all{"a": until(-time.Hour, 24*time.Hour+life), "new": from(24 * time.Hour)}),
		},
		"EdDSA too soon": {
			all{"a": from(-time.Hour)}, keys.Addition{Key: pair("new", keys.Plan{}),
				SignAfter: 599 * time.Second}, noon, refused(keys.ProblemTooSoon, "new"),
		},
		"EdDSA too soon, forced": {
			all{"a": from(-time.Hour)}, keys.Addition{Key: pair("new", keys.Plan{}), Force: true},
			noon,
			planned(all{"a": until(-time.Hour, life), "new": from(0)}),
		},
		"an id that is there, forced": {
			all{"a": from(-time.Hour), "new": until(-3, -2)}, forced, noon,
			refused(keys.ProblemSameID, "new"),
		},
		"beyond what can be written": {
			all{"a": from(-time.Hour), "b": revoked(
				keys.Plan{SignFrom: time.Date(9999, 12, 31, 23, 0, 0, 0, time.UTC)})}, forced, noon,
			refused(keys.ProblemTooFar, "b"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := ringOf(t, c.before)
			after, err := keys.Rotate(before, c.addition, retention, c.now)
			assert.Equal(t, c.want, outcomeOf(t, after, err))
			assert.Equal(t, c.before, plans(before), "the keyring itself stays as it was")
			if err == nil {
				again, err := keys.ParseSet(keys.FormatSet(after))
				require.NoError(t, err, "the file that comes of it is sound")
				assert.Equal(t, plans(after), plans(again))
			}
		})
	}
}

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
		"the signer, with one that waits": {
			all{"a": from(-1), "b": from(time.Hour)}, "a", false,
			planned(all{"a": revoked(from(-1)), "b": from(time.Hour)}),
		},
		"one that waits": {
			all{"a": from(-1), "b": from(time.Hour)}, "b", false,
			planned(all{"a": from(-1), "b": revoked(from(time.Hour))}),
		},
		"one that has ended keeps its end": {
			all{"a": from(-1), "b": until(-5, -4)}, "b", false,
			planned(all{"a": from(-1), "b": revoked(until(-5, -4))}),
		},
		"one that is revoked": {
			all{"a": from(-1), "b": revoked(from(-5))}, "b", false,
			planned(all{"a": from(-1), "b": revoked(from(-5))}),
		},
		"the only key": {all{"a": from(-1)}, "a", false,
			refused(keys.ProblemNoSigner, "a")},
		"the only key, forced": {all{"a": from(-1)}, "a", true,
			planned(all{"a": revoked(from(-1))})},
		"the last that can sign": {
			all{"a": from(-1), "b": revoked(from(-2)), "c": until(-5, 0),
				"d": revoked(from(time.Hour))}, "a", false, refused(keys.ProblemNoSigner, "a"),
		},
		"the last that can sign waits": {
			all{"a": from(time.Hour), "b": revoked(from(-2))}, "a", false,
			refused(keys.ProblemNoSigner, "a"),
		},
		"the last that can sign, forced": {
			all{"a": from(-1), "b": revoked(from(-2))}, "a", true,
			planned(all{"a": revoked(from(-1)), "b": revoked(from(-2))}),
		},
		"a key that cannot sign, where none can": {
			all{"a": until(-5, 0), "b": until(-5, -1)}, "a", false,
			planned(all{"a": revoked(until(-5, 0)), "b": until(-5, -1)}),
		},
		"an id that is unknown": {all{"a": from(-1)}, "b", false,
			refused(keys.ProblemUnknownID, "b")},
		"an id that is unknown, forced": {all{"a": from(-1)}, "b", true,
			refused(keys.ProblemUnknownID, "b")},
		"an id in another case": {all{"a": from(-1)}, "A", true,
			refused(keys.ProblemUnknownID, "A")},
	} {
		t.Run(name, func(t *testing.T) {
			before := ringOf(t, c.before)
			after, err := keys.Revoke(before, c.id, c.force, noon)
			assert.Equal(t, c.want, outcomeOf(t, after, err))
			assert.Equal(t, c.before, plans(before), "the keyring itself stays as it was")
			if err == nil {
				_, verifies := after.VerifierAt(c.id, noon)
				assert.False(t, verifies, "at once")
			}
		})
	}
}

func TestPrune(t *testing.T) {
	type all = map[keys.ID]keys.Plan
	for name, c := range map[string]struct {
		before all
		want   outcome
		out    []keys.ID
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
		"revoked while it waited": {all{"a": from(-1), "b": revoked(from(time.Hour))},
			planned(all{"a": from(-1)}), []keys.ID{"b"}},
		"all of both, in order": {all{"a": from(-1), "d": revoked(from(-5)), "c": until(-4, 0),
			"b": revoked(until(-6, -5))}, planned(all{"a": from(-1)}), []keys.ID{"b", "d", "c"}},
		"one that waits is kept": {all{"a": from(time.Hour), "b": until(-5, 0)},
			planned(all{"a": from(time.Hour)}), []keys.ID{"b"}},
		"none would be left": {all{"a": revoked(from(-1)), "b": until(-5, 0)},
			refused(keys.ProblemNoSigner, ""), nil},
		"the only one, and revoked": {all{"a": revoked(from(-1))},
			refused(keys.ProblemNoSigner, ""), nil},
	} {
		t.Run(name, func(t *testing.T) {
			before := ringOf(t, c.before)
			after, out, err := keys.Prune(before, noon)
			assert.Equal(t, c.want, outcomeOf(t, after, err))
			assert.Equal(t, c.out, out)
			assert.Equal(t, c.before, plans(before), "the keyring itself stays as it was")
		})
	}
}

func TestPlanErrors(t *testing.T) {
	words := map[string]bool{}
	for problem := keys.ProblemUnknownID; problem <= keys.ProblemTooFar; problem++ {
		text := problem.String()
		assert.NotEqual(t, "unknown problem", text)
		assert.False(t, words[text], "%s stands twice", text)
		words[text] = true
		assert.Equal(t, "kid: "+text, (&keys.PlanError{Problem: problem, ID: "kid"}).Error())
		assert.Equal(t, text, (&keys.PlanError{Problem: problem}).Error())
	}
	assert.Len(t, words, 8)
	assert.Equal(t, "unknown problem", (keys.ProblemTooFar + 1).String())
}
