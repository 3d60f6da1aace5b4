package keys

import (
	"slices"
	"time"
)

// Margin is what a rotation adds to the life of the keys that it retires, beyond the arithmetic: for clocks, and for files that take
// a moment to reach every replica.
const Margin = 60 * time.Second

// How long a new key waits before it signs, unless told otherwise. Gateways and clouds hold a published set for hours, whatever its
// max-age says; a symmetric key only has to reach our own replicas.
const (
	SignAfterHS256 = 10 * time.Minute
	SignAfterEdDSA = 24 * time.Hour
)

// LeastSignAfterEdDSA is the shortest wait of an EdDSA key that is not forced: twice the max-age of the published set.
const MinSignAfterEdDSA = 600 * time.Second

// Problem is why a plan was not made.
type Problem uint8

// The problems.
const (
	// ProblemUnknownID is an id that names no key of the ring.
	ProblemUnknownID Problem = iota
	// ProblemSameID is a new key's id that the ring has already.
	ProblemSameID
	// ProblemSameMaterial is material that the ring has already.
	ProblemSameMaterial
	// ProblemPending is a rotation while another one waits for its takeover.
	ProblemPending
	// ProblemSignerEnds is a rotation in which the present signer ends before what it signed does.
	ProblemSignerEnds
	// ProblemNoSigner is a change after which no key can sign, now or later.
	ProblemNoSigner
	// ProblemTooSoon is an EdDSA key that would sign before verifiers elsewhere can know it.
	ProblemTooSoon
	// ProblemTooFar is a takeover so late, after that of another key, that its instants could not be written.
	ProblemTooFar
)

// String tells the problem in words.
func (p Problem) String() string {
	switch p {
	case ProblemUnknownID:
		return "there is no key of that id"
	case ProblemSameID:
		return "there is a key of that id already"
	case ProblemSameMaterial:
		return "that secret is a key already"
	case ProblemPending:
		return "a key is pending: its rotation is not over"
	case ProblemSignerEnds:
		return "the present signer ends before the sessions that it signed could be renewed"
	case ProblemNoSigner:
		return "no key could sign any more"
	case ProblemTooSoon:
		return "verifiers elsewhere would not know the key yet when it signs"
	case ProblemTooFar:
		return "the takeover would lie beyond the year 9999"
	}
	return "unknown problem"
}

// PlanError is a plan that was not made, and the key that it failed on.
type PlanError struct {
	Problem Problem
	ID      ID
}

// Error tells the problem and the key's id.
func (e *PlanError) Error() string {
	if e.ID == "" {
		return e.Problem.String()
	}
	return string(e.ID) + ": " + e.Problem.String()
}

// Retention is how long a session that was signed at an instant may still be of use: what the service is configured with, at its
// longest since the last rotation.
type Retention struct{ Lifetime, RenewalGrace, ClockSkew time.Duration }

// Addition is a key that shall enter a ring.
type Addition struct {
	Key Key
	// SignAfter is how long the key waits before it may sign; at least 0.
	SignAfter time.Duration
	// Force makes a plan in spite of what speaks against it.
	Force bool
}

// Add plans a further key, which signs after its wait. The first key of a new ring (nil) signs at once. It fails with a *PlanError.
func Add(ring *Keyring, addition Addition, now time.Time) (*Keyring, error) {
	if ring == nil {
		return NewKeyring(addition.Key.WithPlan(Plan{SignFrom: whole(now)}))
	}
	if err := addition.fits(ring); err != nil {
		return nil, err
	}
	from := whole(now.Add(addition.SignAfter))
	// Of two keys with the same instant the greater id signs. Nobody who adds a key means that it never does. (The keys are in the order
	// of their instants.)
	for _, key := range ring.keys {
		if key.plan.SignFrom.Equal(from) && key.id > addition.Key.id && key.plan.mayVerify(from) {
			from = from.Add(time.Second)
		}
	}
	return NewKeyring(append(ring.Keys(), addition.Key.WithPlan(Plan{SignFrom: from}))...)
}

// Rotate plans a takeover: the new key signs after its wait, later than every other, and each key that has no end yet ends when nothing that
// it signed is of use any more. Ends that were set before are never moved, and expired or revoked keys not touched. It fails with
// a *PlanError.
func Rotate(ring *Keyring, addition Addition, retention Retention, now time.Time) (*Keyring,
	error) {
	if err := addition.fits(ring); err != nil {
		return nil, err
	}
	all := ring.Keys()
	takeover, after := whole(now.Add(addition.SignAfter)), ID("")
	for _, key := range all {
		if ring.StateAt(key, now) == Pending && !addition.Force {
			return nil, &PlanError{Problem: ProblemPending, ID: key.id}
		}
		if !takeover.After(key.plan.SignFrom) {
			takeover, after = whole(key.plan.SignFrom).Add(time.Second), key.id
		}
	}
	end := takeover.Add(retention.Lifetime + retention.RenewalGrace + retention.ClockSkew + Margin)
	if end.Year() > lastYear {
		return nil, &PlanError{Problem: ProblemTooFar, ID: after}
	}
	signer, signs := ring.SignerAt(now)
	if until := signer.plan.VerifyUntil; signs && !until.IsZero() && until.Before(end) &&
		!addition.Force {
		return nil, &PlanError{Problem: ProblemSignerEnds, ID: signer.id}
	}
	for i, key := range all {
		if plan := key.plan; plan.mayVerify(now) && plan.VerifyUntil.IsZero() {
			plan.VerifyUntil = end
			all[i] = key.WithPlan(plan)
		}
	}
	return NewKeyring(append(all, addition.Key.WithPlan(Plan{SignFrom: takeover}))...)
}

// fits tells whether the key may enter the ring.
func (a Addition) fits(ring *Keyring) error {
	for _, key := range ring.keys {
		if key.id == a.Key.id {
			return &PlanError{Problem: ProblemSameID, ID: key.id}
		}
		if key.shares(a.Key) {
			return &PlanError{Problem: ProblemSameMaterial, ID: key.id}
		}
	}
	if a.Key.algorithm == EdDSA && a.SignAfter < MinSignAfterEdDSA && !a.Force {
		return &PlanError{Problem: ProblemTooSoon, ID: a.Key.id}
	}
	return nil
}

// Revoke takes a key out of force at once. It refuses to take the last one that can sign, now or later, unless forced. It fails with a
// *PlanError.
func Revoke(ring *Keyring, id ID, force bool, now time.Time) (*Keyring, error) {
	all := ring.Keys()
	at := slices.IndexFunc(all, func(key Key) bool { return key.id == id })
	if at < 0 {
		return nil, &PlanError{Problem: ProblemUnknownID, ID: id}
	}
	plan := all[at].plan
	plan.Revoked = true
	all[at] = all[at].WithPlan(plan)
	revoked, err := NewKeyring(all...)
	if err != nil {
		return nil, err
	}
	if ring.CanSign(now) && !revoked.CanSign(now) && !force {
		return nil, &PlanError{Problem: ProblemNoSigner, ID: id}
	}
	return revoked, nil
}

// Prune takes out the keys that are expired or revoked at now, and tells which. It fails with a *PlanError where none would be left.
func Prune(ring *Keyring, now time.Time) (pruned *Keyring, out []ID, err error) {
	var kept []Key
	for _, key := range ring.keys {
		if key.plan.mayVerify(now) {
			kept = append(kept, key)
		} else {
			out = append(out, key.id)
		}
	}
	if len(kept) == 0 {
		return nil, nil, &PlanError{Problem: ProblemNoSigner}
	}
	pruned, err = NewKeyring(kept...)
	return pruned, out, err
}

// whole is the second in which t lies: a keyset's instants are read by people.
func whole(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }
