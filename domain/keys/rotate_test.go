package keys_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
)

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
		"the signer expires after its last session is useful": {
			all{"a": from(-time.Hour)}, fresh, noon,
			planned(all{"a": until(-time.Hour, tenth+life), "new": from(tenth)}),
		},
		"every key without an end expires too": {
			all{"a": from(-time.Hour), "b": from(-2 * time.Hour)}, fresh, noon,
			planned(all{"a": until(-time.Hour, tenth+life), "b": until(-2*time.Hour, tenth+life),
				"new": from(tenth)}),
		},
		"existing ends are not moved": {
			all{"a": from(-time.Hour), "b": until(-2*time.Hour, 1),
				"c": until(-2*time.Hour, 1000*time.Hour)}, fresh, noon,
			planned(all{"a": until(-time.Hour, tenth+life), "b": until(-2*time.Hour, 1),
				"c": until(-2*time.Hour, 1000*time.Hour), "new": from(tenth)}),
		},
		"expired and revoked keys do not change": {
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
		"a key is pending, forced": {
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
		"a revoked pending key": {
			all{"a": from(-time.Hour), "b": revoked(from(time.Minute))}, fresh, noon,
			planned(all{"a": until(-time.Hour, tenth+life), "b": revoked(from(time.Minute)),
				"new": from(tenth)}),
		},
		"the signer expires a nanosecond too soon": {
			all{"a": until(-time.Hour, tenth+life-1)}, fresh, noon,
			refused(keys.ProblemSignerEnds, "a"),
		},
		"the signer expires just in time": {
			all{"a": until(-time.Hour, tenth+life)}, fresh, noon,
			planned(all{"a": until(-time.Hour, tenth+life), "new": from(tenth)}),
		},
		"the signer expires too soon, forced": {
			all{"a": until(-time.Hour, 5), "b": from(-2 * time.Hour)}, forced, noon,
			planned(all{"a": until(-time.Hour, 5), "b": until(-2*time.Hour, tenth+life),
				"new": from(tenth)}),
		},
		"no key signs": {
			all{"a": until(-time.Hour, 0), "b": revoked(from(-time.Hour))}, fresh, noon,
			planned(all{"a": until(-time.Hour, 0), "b": revoked(from(-time.Hour)),
				"new": from(tenth)}),
		},
		"EdDSA takes over from HS256": {
			all{"a": from(-time.Hour)}, keys.Addition{Key: pair("new", keys.Plan{}),
				SignAfter: keys.EdDSA.SignAfter()}, noon,
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
		"an id in use, forced": {
			all{"a": from(-time.Hour), "new": until(-3, -2)}, forced, noon,
			refused(keys.ProblemSameID, "new"),
		},
		"after the year 9999": {
			all{"a": from(-time.Hour), "b": revoked(
				keys.Plan{SignFrom: time.Date(9999, 12, 31, 23, 0, 0, 0, time.UTC)})}, forced, noon,
			refused(keys.ProblemTooFar, "b"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := keyringOf(t, c.before)
			after, err := keys.Rotate(before, c.addition, retention, c.now)
			assert.Equal(t, c.want, outcomeOf(t, after, err))
			assert.Equal(t, c.before, plans(before), "the keyring itself stays as it was")
			if err == nil {
				again, err := keys.ParseSet(keys.FormatSet(after))
				require.NoError(t, err, "the resulting file is valid")
				assert.Equal(t, plans(after), plans(again))
			}
		})
	}
}
