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

// NextChange returns the instant of the first change that Schedule returns; ok is false if there is
// none. It is cheap enough for every scrape of metrics.
func (r *Keyring) NextChange(now time.Time) (at time.Time, ok bool) {
	note := func(change time.Time) {
		if change.After(now) && (!ok || change.Before(at)) {
			at, ok = change, true
		}
	}
	for _, key := range r.keys {
		if key.plan.Revoked {
			continue
		}
		note(key.plan.VerifyUntil) // zero, which is never after now, if the key has no end
		if key.plan.mayVerify(key.plan.SignFrom) {
			note(key.plan.SignFrom)
		}
	}
	return at, ok
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
