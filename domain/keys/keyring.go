package keys

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Keyring holds every key in every state. It is immutable and safe for concurrent use.
type Keyring struct{ keys []Key } // in signing order: SignFrom, then id

// Fault is a reason why keys cannot be in one keyring. Its text holds ids, never key material.
type Fault struct {
	ID     ID
	Reason FaultReason
	// Other is the id that ID conflicts with, if there is one.
	Other ID
}

// FaultReason classifies a fault.
type FaultReason uint8

// The reasons.
const (
	// FaultNoKeys is a keyring without a key.
	FaultNoKeys FaultReason = iota
	// FaultSameID is an id that two keys have.
	FaultSameID
	// FaultSameMaterial is key material that two ids share.
	FaultSameMaterial
)

// Faults lists everything that is wrong with the keys of a keyring. It is an error.
type Faults []Fault

// Error describes every fault.
func (f Faults) Error() string {
	words := make([]string, 0, len(f))
	for _, fault := range f {
		words = append(words, fault.String())
	}
	return "keys: " + strings.Join(words, "; ")
}

// String describes the fault.
func (f Fault) String() string {
	switch f.Reason {
	case FaultNoKeys:
		return "there is no key"
	case FaultSameID:
		return "the id " + string(f.ID) + " stands twice"
	case FaultSameMaterial:
		return "the keys " + string(f.Other) + " and " + string(f.ID) + " are the same"
	}
	return "unknown fault"
}

// NewKeyring returns a keyring of keys. It fails with Faults, which lists all of them: no key, an
// id twice, the same key material under two ids.
func NewKeyring(keys ...Key) (*Keyring, error) {
	if len(keys) == 0 {
		return nil, Faults{{Reason: FaultNoKeys}}
	}
	var faults Faults
	ids, materials := map[ID]bool{}, map[material]ID{}
	for _, key := range keys {
		if ids[key.id] {
			faults = append(faults, Fault{ID: key.id, Reason: FaultSameID})
		}
		ids[key.id] = true
		var clash ID
		for _, part := range key.parts() {
			if other := materials[part]; other != key.id {
				clash = cmp.Or(clash, other)
			}
			materials[part] = key.id
		}
		if clash != "" {
			faults = append(faults, Fault{ID: key.id, Reason: FaultSameMaterial, Other: clash})
		}
	}
	if faults != nil {
		return nil, faults
	}
	keyring := &Keyring{keys: slices.Clone(keys)}
	slices.SortFunc(keyring.keys, func(a, b Key) int {
		return cmp.Or(a.plan.SignFrom.Compare(b.plan.SignFrom),
			strings.Compare(string(a.id), string(b.id)))
	})
	return keyring, nil
}

// Keys returns the keys in the order in which they start to sign.
func (r *Keyring) Keys() []Key { return slices.Clone(r.keys) }

// SignerAt returns the key that signs at now: of those that may, the one with the latest SignFrom,
// and of several the one with the greatest id.
func (r *Keyring) SignerAt(now time.Time) (Key, bool) {
	for _, key := range slices.Backward(r.keys) {
		if key.maySign(now) {
			return key, true
		}
	}
	return Key{}, false
}

// VerifierAt returns the key with that id; ok is false if there is none that may verify at now.
func (r *Keyring) VerifierAt(id ID, now time.Time) (Key, bool) {
	for _, key := range r.keys {
		if key.id == id {
			return key, key.plan.mayVerify(now)
		}
	}
	return Key{}, false
}

// NextSignerFrom returns the next time after now at which a pending key starts to sign; ok is false
// if there is none.
func (r *Keyring) NextSignerFrom(now time.Time) (from time.Time, ok bool) {
	for _, key := range r.keys {
		if from = key.plan.SignFrom; from.After(now) && key.maySign(from) {
			return from, true
		}
	}
	return time.Time{}, false
}

// StateAt returns the state at now of a key of the keyring.
func (r *Keyring) StateAt(key Key, now time.Time) State {
	switch signer, ok := r.SignerAt(now); {
	case key.plan.Revoked:
		return Revoked
	case !key.plan.mayVerify(now):
		return Expired
	case now.Before(key.plan.SignFrom):
		return Pending
	case ok && signer.id == key.id:
		return Signing
	default:
		return Verifying
	}
}

// CanSign reports whether any key can sign at now or later.
func (r *Keyring) CanSign(now time.Time) bool {
	if _, signs := r.SignerAt(now); signs {
		return true
	}
	_, waits := r.NextSignerFrom(now)
	return waits
}
