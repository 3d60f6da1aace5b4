package keys

import (
	"slices"
	"time"
)

// Change is the transition of a key to another state.
type Change struct {
	At    time.Time
	ID    ID
	State State
}

// Schedule returns the state changes of the keyring's keys after now, in order, provided that the
// keyring is not changed. There are at most two changes for each key, and one more each time that a
// key hands over signing or gets it back.
func (r *Keyring) Schedule(now time.Time) []Change {
	var instants []time.Time
	for _, key := range r.keys {
		for _, at := range []time.Time{key.plan.SignFrom, key.plan.VerifyUntil} {
			if at.After(now) && !key.plan.Revoked {
				instants = append(instants, at)
			}
		}
	}
	slices.SortFunc(instants, time.Time.Compare)
	instants = slices.CompactFunc(instants, time.Time.Equal)
	var changes []Change
	before := now
	for _, at := range instants {
		for _, key := range r.keys {
			if state := r.StateAt(key, at); state != r.StateAt(key, before) {
				changes = append(changes, Change{At: at, ID: key.id, State: state})
			}
		}
		before = at
	}
	return changes
}
