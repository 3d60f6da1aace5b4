package keys

import (
	"strconv"
	"time"
)

// Margin is how much longer than the retention requires a rotation keeps the keys that it retires:
// it covers clock differences, and files that take a moment to reach every replica.
const Margin = 60 * time.Second

// Problem is the reason why a plan was not made.
type Problem uint8

// The problems.
const (
	// ProblemUnknownID means that no key of the keyring has the id.
	ProblemUnknownID Problem = iota
	// ProblemSameID means that the keyring already has a key with the new key's id.
	ProblemSameID
	// ProblemSameMaterial means that the keyring already has the material.
	ProblemSameMaterial
	// ProblemPending means that an earlier rotation is still waiting for its takeover.
	ProblemPending
	// ProblemSignerEnds means that the current signing key would expire before the sessions that it
	// signed are past renewal.
	ProblemSignerEnds
	// ProblemNoSigner means that no key would be left that can sign, now or later.
	ProblemNoSigner
	// ProblemNoSignerNow means that no key would sign at once after the change.
	ProblemNoSignerNow
	// ProblemTooSoon means that the key would sign before external verifiers can know it.
	ProblemTooSoon
	// ProblemTooFar means that the takeover, which comes after that of another key, would be so
	// late that its instants could not be written.
	ProblemTooFar
	// ProblemFull means that the keyring has as many keys as a keyset may have, and that some of
	// them can be removed.
	ProblemFull
	// ProblemFullInForce means that the keyring has as many keys as a keyset may have, and that
	// none of them is expired or revoked.
	ProblemFullInForce
)

// String returns a description of the problem.
func (p Problem) String() string {
	switch p {
	case ProblemUnknownID:
		return "there is no key with that id"
	case ProblemSameID:
		return "a key with that id already exists"
	case ProblemSameMaterial:
		return "that secret is already in use as a key"
	case ProblemPending:
		return "a key is pending: its rotation has not finished"
	case ProblemSignerEnds:
		return "the current signing key expires before the sessions that it signed are past renewal"
	case ProblemNoSigner:
		return "no key would be left that can sign"
	case ProblemNoSignerNow:
		return "no key would sign now, and no session would be issued"
	case ProblemTooSoon:
		return "external verifiers would not know the key yet when it starts to sign"
	case ProblemTooFar:
		return "the takeover would be after the year 9999"
	case ProblemFull:
		return fullText
	case ProblemFullInForce:
		return fullText + ", and none is expired or revoked"
	}
	return "unknown problem"
}

// fullText describes a keyring that takes no more keys.
var fullText = "there are " + strconv.Itoa(MaxKeys) + " keys, as many as a keyset may have"

// PlanError reports that a plan was not made, and the key that caused it.
type PlanError struct {
	Problem Problem
	ID      ID
	// MinSignAfter is the shortest wait of the key, if Problem is ProblemTooSoon.
	MinSignAfter time.Duration
}

// Error returns the key's id and the problem.
func (e *PlanError) Error() string {
	if e.ID == "" {
		return e.Problem.String()
	}
	return string(e.ID) + ": " + e.Problem.String()
}

// Retention is how long a session may be valid or renewable after it was signed: the configured
// values of the service, each at its longest since the last rotation.
type Retention struct{ Lifetime, RenewalGrace, ClockSkew time.Duration }

// total returns how long a session is valid or renewable after it was signed.
func (r Retention) total() time.Duration { return r.Lifetime + r.RenewalGrace + r.ClockSkew }

// Addition is a key to add to a keyring.
type Addition struct {
	Key Key
	// SignAfter is how long the key waits before it may sign; at least 0.
	SignAfter time.Duration
	// Force makes the plan despite the problems that can be overridden: ProblemPending,
	// ProblemSignerEnds and ProblemTooSoon.
	Force bool
}

// Add plans an additional key, which signs after its wait. The first key of a new keyring (nil)
// signs at once. It fails with a *PlanError.
func Add(keyring *Keyring, addition Addition, now time.Time) (*Keyring, error) {
	if keyring == nil {
		return NewKeyring(addition.Key.WithPlan(Plan{SignFrom: truncate(now)}))
	}
	if err := addition.validate(keyring, now); err != nil {
		return nil, err
	}
	from := truncate(now.Add(addition.SignAfter))
	// If two keys have the same SignFrom, the one with the greater id signs. A new key must sign at
	// some time, so its SignFrom moves behind that of such keys. One pass is enough, because the
	// keys are in the order of SignFrom.
	for _, key := range keyring.keys {
		if key.plan.SignFrom.Equal(from) && key.id > addition.Key.id && key.plan.mayVerify(from) {
			from = from.Add(time.Second)
		}
	}
	return NewKeyring(append(keyring.Keys(), addition.Key.WithPlan(Plan{SignFrom: from}))...)
}

// Rotate plans a takeover: the new key signs after its wait, later than every other key, and each
// key without an end gets one, at which no session that it signed is valid or renewable. Ends that
// are already set are never moved, and expired or revoked keys are not changed. It fails with a
// *PlanError.
func Rotate(keyring *Keyring, addition Addition, retention Retention, now time.Time) (*Keyring,
	error) {
	if err := addition.validate(keyring, now); err != nil {
		return nil, err
	}
	all := keyring.Keys()
	takeover, after := truncate(now.Add(addition.SignAfter)), ID("")
	for _, key := range all {
		if keyring.StateAt(key, now) == Pending && !addition.Force {
			return nil, &PlanError{Problem: ProblemPending, ID: key.id}
		}
		if !takeover.After(key.plan.SignFrom) {
			takeover, after = truncate(key.plan.SignFrom).Add(time.Second), key.id
		}
	}
	end := takeover.Add(retention.total() + Margin)
	if end.Year() > maxYear {
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

// validate returns a *PlanError if the key may not be added to the keyring at now.
func (a Addition) validate(keyring *Keyring, now time.Time) error {
	if err := checkRoom(keyring, now); err != nil {
		return err
	}
	for _, key := range keyring.keys {
		if key.id == a.Key.id {
			return &PlanError{Problem: ProblemSameID, ID: key.id}
		}
		if key.sharesMaterial(a.Key) {
			return &PlanError{Problem: ProblemSameMaterial, ID: key.id}
		}
	}
	if shortest := a.Key.algorithm.minSignAfter(); a.SignAfter < shortest && !a.Force {
		return &PlanError{Problem: ProblemTooSoon, ID: a.Key.id, MinSignAfter: shortest}
	}
	return nil
}

// checkRoom returns a *PlanError if the keyring has no room for another key: ProblemFull if Prune
// at now would make room, ProblemFullInForce otherwise.
func checkRoom(keyring *Keyring, now time.Time) error {
	if len(keyring.keys) < MaxKeys {
		return nil
	}
	for _, key := range keyring.keys {
		if !key.plan.mayVerify(now) {
			return &PlanError{Problem: ProblemFull}
		}
	}
	return &PlanError{Problem: ProblemFullInForce}
}

// truncate returns t in UTC, truncated to the second: people read the instants of a keyset.
func truncate(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }
