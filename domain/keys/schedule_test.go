package keys_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/offload/sessiond/domain/keys"
)

func TestSchedule(t *testing.T) {
	keyring := newKeyring(t,
		key("a", until(-time.Hour, 3*time.Hour)), key("b", until(time.Hour, 2*time.Hour)),
		key("c", from(2*time.Hour)),
		key("out", revoked(until(time.Hour, 3*time.Hour))), key("over", until(-time.Hour, 0)),
	)
	at := func(hours time.Duration, id keys.ID, state keys.State) keys.Change {
		return keys.Change{At: noon.Add(hours * time.Hour), ID: id, State: state}
	}
	first := []keys.Change{at(1, "a", keys.Verifying), at(1, "b", keys.Signing)}
	second := []keys.Change{at(2, "b", keys.Expired), at(2, "c", keys.Signing)}
	third := []keys.Change{at(3, "a", keys.Expired)}
	for name, c := range map[string]struct {
		after time.Duration
		want  []keys.Change
	}{
		"all":                          {0, slices.Concat(first, second, third)},
		"before an instant":            {time.Hour - 1, slices.Concat(first, second, third)},
		"at an instant":                {time.Hour, slices.Concat(second, third)},
		"at the last":                  {3 * time.Hour, nil},
		"long after":                   {1000 * time.Hour, nil},
		"a nanosecond before the last": {3*time.Hour - 1, third},
	} {
		assert.Equal(t, c.want, keyring.Schedule(noon.Add(c.after)), name)
	}
}

// TestNextChangeOfKeysThatNeverSign checks that a key that ends before it would sign changes its
// state once, when it ends.
func TestNextChangeOfKeysThatNeverSign(t *testing.T) {
	for name, plan := range map[string]keys.Plan{"ends earlier": until(2*time.Hour, time.Hour),
		"ends at the same instant": until(time.Hour, time.Hour)} {
		keyring := newKeyring(t, key("a", plan))
		assert.Equal(t, []keys.Change{{At: noon.Add(time.Hour), ID: "a", State: keys.Expired}},
			keyring.Schedule(noon), name)
		next, ok := keyring.NextChange(noon)
		assert.True(t, ok, name)
		assert.Equal(t, noon.Add(time.Hour), next, name)
		_, ok = keyring.NextChange(next)
		assert.False(t, ok, name)
	}
}

// TestScheduleListsEveryChange checks that the current states and the schedule predict every later
// state.
func TestScheduleListsEveryChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keyring, now := drawKeyring(t), noon.Add(drawOffset(t, "now"))
		predicted := map[keys.ID]keys.State{}
		for _, key := range keyring.Keys() {
			predicted[key.ID()] = keyring.StateAt(key, now)
		}
		schedule := keyring.Schedule(now)
		if next, ok := keyring.NextChange(now); ok != (len(schedule) > 0) ||
			ok && !next.Equal(schedule[0].At) {
			t.Fatalf("the next change is at %v (%v), but the schedule is %v", next, ok, schedule)
		}
		instants := turns(keyring)
		slices.SortFunc(instants, time.Time.Compare)
		for _, at := range instants {
			for len(schedule) > 0 && !schedule[0].At.After(at) {
				change := schedule[0]
				if !change.At.After(now) || predicted[change.ID] == change.State {
					t.Fatalf("%v is not a change", change)
				}
				predicted[change.ID], schedule = change.State, schedule[1:]
			}
			for _, key := range keyring.Keys() {
				state := keyring.StateAt(key, at)
				if !at.Before(now) && predicted[key.ID()] != state {
					t.Fatalf("%v is %v at %v, but the schedule predicts %v", key, state, at,
						predicted[key.ID()])
				}
			}
		}
		if len(schedule) > 0 {
			t.Fatalf("%v are after the last instant", schedule)
		}
	})
}
