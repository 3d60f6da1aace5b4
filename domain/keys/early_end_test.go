package keys_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/offload/sessiond/domain/keys"
)

// TestEarlyEnds has sessions that are valid or renewable for two hours after they were signed.
func TestEarlyEnds(t *testing.T) {
	type all = map[keys.ID]keys.Plan
	const hour = time.Hour
	early := func(id keys.ID, end, useful time.Duration) []keys.EarlyEnd {
		return []keys.EarlyEnd{{ID: id, VerifyUntil: noon.Add(end), UsefulUntil: noon.Add(useful)}}
	}
	for name, c := range map[string]struct {
		plans all
		want  []keys.EarlyEnd
	}{
		"no end":                    {all{"a": from(-hour)}, nil},
		"just long enough":          {all{"a": until(-hour, 3*hour), "b": from(hour)}, nil},
		"a second short":            {all{"a": until(-hour, 3*hour-time.Second), "b": from(hour)}, early("a", 3*hour-time.Second, 3*hour)},
		"the takeover is past":      {all{"a": until(-9*hour, hour), "b": from(-hour / 2)}, early("a", hour, 3*hour/2)},
		"the takeover is long past": {all{"a": until(-9*hour, hour), "b": from(-hour)}, nil},
		"it has ended":              {all{"a": until(-hour, 0), "b": from(-hour / 2)}, nil},
		"it is revoked":             {all{"a": revoked(until(-hour, hour)), "b": from(hour)}, nil},
		"no successor":              {all{"a": until(-hour, hour)}, early("a", hour, 3*hour)},
		"the successor is revoked":  {all{"a": until(-hour, 4*hour), "b": revoked(from(hour))}, early("a", 4*hour, 6*hour)},
		"it is pending":             {all{"a": from(-hour), "b": until(hour, 2*hour)}, early("b", 2*hour, 4*hour)},
		"it never signs":            {all{"a": until(-2*hour, hour), "b": from(-2 * hour)}, nil},
		"it signs again after another, which signs until its end": {all{"a": until(-hour, 9*hour), "b": until(0, 8*hour), "c": from(17 * hour / 2)},
			append(early("a", 9*hour, 21*hour/2), early("b", 8*hour, 10*hour)...)},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, keyringOf(t, c.plans).EarlyEnds(retention, noon))
		})
	}
}

// TestRotationsEndNoKeyEarly checks that rotations planned with the service's retention cause no
// warning, and that one planned with a shorter lifetime does.
func TestRotationsEndNoKeyEarly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keyring, err := keys.Add(nil, keys.Addition{Key: key("0", keys.Plan{})}, noon)
		require.NoError(t, err)
		now := noon
		for _, id := range []keys.ID{"1", "2", "3"} {
			now = now.Add(time.Duration(rapid.IntRange(700, 50000).Draw(t, "seconds")) * time.Second)
			keyring, err = keys.Rotate(keyring, keys.Addition{Key: key(id, keys.Plan{}),
				SignAfter: 10 * time.Minute}, retention, now)
			require.NoError(t, err)
			assert.Empty(t, keyring.EarlyEnds(retention, now))
		}
		longer := retention
		longer.Lifetime += keys.Margin + time.Second
		assert.NotEmpty(t, keyring.EarlyEnds(longer, now))
	})
}
