package keys

import (
	"slices"
	"time"
)

// Margin extends the life of the keys that a rotation retires beyond what is computed: for clock
// differences, and for files that take a moment to reach every replica.
const Margin = 60 * time.Second

// How long a new key waits by default before it signs. Gateways and clouds hold a published set for
// hours, whatever its max-age says; a symmetric key only has to reach our own replicas.
const (
	SignAfterHS256 = 10 * time.Minute
	SignAfterEdDSA = 24 * time.Hour
)

// MinSignAfterEdDSA is the shortest wait of an EdDSA key that is not forced: twice the max-age of
// the published set.
const MinSignAfterEdDSA = 600 * time.Second

// Problem is the reason why a change was rejected.
type Problem uint8

// The problems.
const (
	// ProblemUnknownID is an id that no key of the keyring has.
	ProblemUnknownID Problem = iota
	// ProblemSameID is the id of a new key that the keyring already has.
	ProblemSameID
	// ProblemSameMaterial is key material that the keyring already has.
	ProblemSameMaterial
	// ProblemPending is a rotation while a key is pending.
	ProblemPending
	// ProblemSignerEnds is a rotation in which the present signer expires before the sessions that
	// it signed.
	ProblemSignerEnds
	// ProblemNoSigner is a change after which no key can sign, now or later.
	ProblemNoSigner
	// ProblemTooSoon is an EdDSA key that would sign before verifiers elsewhere can know it.
	ProblemTooSoon
	// ProblemTooFar is a takeover so far in the future, after that of another key, that its times
	// could not be written.
	ProblemTooFar
)

// String describes the problem.
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

// PlanError is a rejected change, and the key that caused it.
type PlanError struct {
	Problem Problem
	ID      ID
}

// Error describes the problem and names the key.
func (e *PlanError) Error() string {
	if e.ID == "" {
		return e.Problem.String()
	}
	return string(e.ID) + ": " + e.Problem.String()
}

// Retention is how long a session can be of use after it was signed: the configured values, the
// longest since the last rotation.
type Retention struct{ Lifetime, RenewalGrace, ClockSkew time.Duration }

// Addition is a key to be added to a keyring.
type Addition struct {
	Key Key
	// SignAfter is how long the key waits before it may sign; at least 0.
	SignAfter time.Duration
	// Force applies the change in spite of objections.
	Force bool
}

// Add plans an additional key, which signs after its wait. The first key of a new keyring (nil)
// signs at once. It fails with a *PlanError.
func Add(keyring *Keyring, addition Addition, now time.Time) (*Keyring, error) {
	if keyring == nil {
		return NewKeyring(addition.Key.WithPlan(Plan{SignFrom: whole(now)}))
	}
	if err := addition.fits(keyring); err != nil {
		return nil, err
	}
	from := whole(now.Add(addition.SignAfter))
	// Of two keys with the same SignFrom, the one with the greater id signs. A key is never added
	// in order never to sign. (The keys are ordered by SignFrom.)
	for _, key := range keyring.keys {
		if key.plan.SignFrom.Equal(from) && key.id > addition.Key.id && key.plan.mayVerify(from) {
			from = from.Add(time.Second)
		}
	}
	return NewKeyring(append(keyring.Keys(), addition.Key.WithPlan(Plan{SignFrom: from}))...)
}

// Rotate plans a takeover: the new key signs after its wait, later than every other key, and each
// key without an end ends when nothing that it signed is of use any more. Ends that are already set
// never move, and expired or revoked keys are not changed. It fails with a *PlanError.
func Rotate(keyring *Keyring, addition Addition, retention Retention, now time.Time) (*Keyring,
	error) {
	if err := addition.fits(keyring); err != nil {
		return nil, err
	}
	all := keyring.Keys()
	takeover, after := whole(now.Add(addition.SignAfter)), ID("")
	for _, key := range all {
		if keyring.StateAt(key, now) == Pending && !addition.Force {
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
	signer, signs := keyring.SignerAt(now)
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

// fits returns an error if the key cannot be added to the keyring.
func (a Addition) fits(keyring *Keyring) error {
	for _, key := range keyring.keys {
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

// Revoke takes a key out of force at once. It refuses to revoke the last key that can sign, now or
// later, unless forced. It fails with a *PlanError.
func Revoke(keyring *Keyring, id ID, force bool, now time.Time) (*Keyring, error) {
	all := keyring.Keys()
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
	if keyring.CanSign(now) && !revoked.CanSign(now) && !force {
		return nil, &PlanError{Problem: ProblemNoSigner, ID: id}
	}
	return revoked, nil
}

// Prune removes the keys that are expired or revoked at now, and returns their ids. It fails with a
// *PlanError if no key would be left.
func Prune(keyring *Keyring, now time.Time) (pruned *Keyring, out []ID, err error) {
	var kept []Key
	for _, key := range keyring.keys {
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

// whole rounds t down to the second: the times of a keyset are read by people.
func whole(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }
