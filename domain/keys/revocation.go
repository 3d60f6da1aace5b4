package keys

import (
	"slices"
	"time"
)

// replacementLead is how long ago a replacement starts to sign, so that it signs at once on
// replicas whose clocks are behind.
const replacementLead = time.Minute

// Revocation is a key to take out of force.
type Revocation struct {
	ID ID
	// Replace returns the key that replaces the revoked one, of the given algorithm. It is called
	// only if no other key signs; if it is nil, no key is added.
	Replace func(Algorithm) Key
	// Force revokes the key even if no key would sign afterwards.
	Force bool
}

// Revoke takes a key out of force at once. If no other key signs at now and a replacement is
// wanted, it adds one that signs at once, and returns its id. Without a replacement it refuses,
// unless forced, if no key would sign at now. It fails with a *PlanError.
func Revoke(keyring *Keyring, revocation Revocation, now time.Time) (revoked *Keyring,
	replacement ID, err error) {
	all := keyring.Keys()
	at := slices.IndexFunc(all, func(key Key) bool { return key.id == revocation.ID })
	if at < 0 {
		return nil, "", &PlanError{Problem: ProblemUnknownID, ID: revocation.ID}
	}
	plan := all[at].plan
	plan.Revoked = true
	all[at] = all[at].WithPlan(plan)
	if revoked, err = NewKeyring(all...); err != nil {
		return nil, "", err
	}
	if _, signs := revoked.SignerAt(now); signs {
		return revoked, "", nil
	}
	if revocation.Replace != nil {
		// The stored keyring has the room or not: Prune, which makes room, would run on it, without
		// this revocation.
		if err := checkRoom(keyring, now); err != nil {
			return nil, "", err
		}
		key := revocation.Replace(all[at].Algorithm())
		revoked, err = replace(revoked, key, now)
		return revoked, key.id, err
	}
	if !revocation.Force {
		return nil, "", &PlanError{Problem: ProblemNoSignerNow, ID: revocation.ID}
	}
	return revoked, "", nil
}

// replace adds a key to a keyring in which no key signs at now. It signs at once, also on replicas
// whose clocks are behind, and takes precedence over every key whose SignFrom has passed.
func replace(keyring *Keyring, key Key, now time.Time) (*Keyring, error) {
	if err := (Addition{Key: key, Force: true}).validate(keyring, now); err != nil {
		return nil, err
	}
	from := truncate(now.Add(-replacementLead))
	for _, other := range keyring.keys {
		if past := other.plan.SignFrom; !past.After(now) && !past.Before(from) {
			from = truncate(past).Add(time.Second)
		}
	}
	if from.After(now) {
		from = now.UTC() // the SignFrom of another key is within this second
	}
	return NewKeyring(append(keyring.Keys(), key.WithPlan(Plan{SignFrom: from}))...)
}

// Prune removes the keys that are expired or revoked at now, and returns their ids. It fails with a
// *PlanError if no key would be left.
func Prune(keyring *Keyring, now time.Time) (pruned *Keyring, removed []ID, err error) {
	var kept []Key
	for _, key := range keyring.keys {
		if key.plan.mayVerify(now) {
			kept = append(kept, key)
		} else {
			removed = append(removed, key.id)
		}
	}
	if len(kept) == 0 {
		return nil, nil, &PlanError{Problem: ProblemNoSigner}
	}
	pruned, err = NewKeyring(kept...)
	return pruned, removed, err
}
