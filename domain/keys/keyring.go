package keys

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Keyring holds every key in every state. It is immutable and safe for concurrent use. The keys are
// in the order in which they may sign: by SignFrom, then by id.
type Keyring struct{ keys []Key }

// Fault is one reason why keys cannot be in one keyring. Its text holds ids, never material.
type Fault struct {
	ID     ID
	Reason FaultReason
	// Other is the id that ID clashes with, if any.
	Other ID
}

// FaultReason is what is wrong with a key of a keyring.
type FaultReason uint8

// The reasons.
const (
	// FaultNoKeys means that the keyring has no key.
	FaultNoKeys FaultReason = iota
	// FaultSameID means that two keys have the same id.
	FaultSameID
	// FaultSameMaterial means that two ids have the same material.
	FaultSameMaterial
)

// Faults is the list of everything that is wrong with the keys of a keyring. It implements error.
type Faults []Fault

// Error returns the text of every fault.
func (f Faults) Error() string {
	words := make([]string, 0, len(f))
	for _, fault := range f {
		words = append(words, fault.String())
	}
	return "keys: " + strings.Join(words, "; ")
}

// String returns a description of the fault.
func (f Fault) String() string {
	switch f.Reason {
	case FaultNoKeys:
		return "there is no key"
	case FaultSameID:
		return "the id " + string(f.ID) + " appears twice"
	case FaultSameMaterial:
		return "the keys " + string(f.Other) + " and " + string(f.ID) + " are the same"
	}
	return "unknown fault"
}

// NewKeyring returns a keyring of keys. It fails with Faults, which lists every fault: no key, an
// id that appears twice, the same material under two ids.
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

// Keys returns the keys in the order in which they may sign.
func (r *Keyring) Keys() []Key { return slices.Clone(r.keys) }

// SignerAt returns the key that signs at now: of the keys that may sign, the one with the latest
// SignFrom, or the greatest id where several have the same SignFrom.
func (r *Keyring) SignerAt(now time.Time) (Key, bool) {
	for _, key := range slices.Backward(r.keys) {
		if key.maySign(now) {
			return key, true
		}
	}
	return Key{}, false
}

// VerifierAt returns the key with that id if it may verify at now.
func (r *Keyring) VerifierAt(id ID, now time.Time) (Key, bool) {
	for i := range r.keys {
		if key := &r.keys[i]; key.id == id {
			return *key, key.plan.mayVerify(now)
		}
	}
	return Key{}, false
}

// NextSignerFrom returns the next instant after now at which a pending key may sign; ok is false if
// no key is pending.
func (r *Keyring) NextSignerFrom(now time.Time) (from time.Time, ok bool) {
	for _, key := range r.keys {
		if from = key.plan.SignFrom; from.After(now) && key.maySign(from) {
			return from, true
		}
	}
	return time.Time{}, false
}

// StateAt returns the state of key at now. The key must be one of the keyring's.
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
