package environment

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/offload/sessiond/domain/keys"
)

// Reason says what is wrong with the structure of a variable's value.
type Reason uint8

// The reasons.
const (
	// ReasonNone means that nothing is wrong.
	ReasonNone Reason = iota
	// ReasonNoObject is a text that is not a JSON object.
	ReasonNoObject
	// ReasonNoKeys is an object without a member.
	ReasonNoKeys
	// ReasonID is an empty id, or one with characters outside the alphabet.
	ReasonID
	// ReasonSameID is an id that appeared before.
	ReasonSameID
	// ReasonNoText is a value that is not a string.
	ReasonNoText
	// ReasonEmpty is a secret that consists of white space.
	ReasonEmpty
	// ReasonUTF8 is a secret that is not valid UTF-8: a key is the UTF-8 bytes of its text.
	ReasonUTF8
	// ReasonSameMaterial is a secret that another id also has.
	ReasonSameMaterial
	// ReasonActive is an active id that no entry has.
	ReasonActive
)

// Fault is one thing that is wrong. It identifies entries by their position, from 1.
type Fault struct {
	Reason Reason
	// Entry is the position of the faulty entry; 0 for the value as a whole.
	Entry int
	// Other is the position of the earlier entry that Entry conflicts with; 0 if there is none.
	Other int
}

// String describes the fault, as the part of a sentence that follows the variable's name.
func (f Fault) String() string {
	entry, other := "entry "+strconv.Itoa(f.Entry), "entry "+strconv.Itoa(f.Other)
	switch f.Reason {
	case ReasonNone:
		return "nothing is wrong"
	case ReasonNoObject:
		return "is not a JSON object in valid UTF-8"
	case ReasonNoKeys:
		return "holds no key"
	case ReasonID:
		return entry + " has an id that is not 1 to 64 of A-Z a-z 0-9 . _ -"
	case ReasonSameID:
		return entry + " has the same id as " + other
	case ReasonNoText:
		return entry + " has a value that is not text"
	case ReasonEmpty:
		return entry + " has an empty secret"
	case ReasonUTF8:
		return entry + " has a secret that is not valid UTF-8"
	case ReasonSameMaterial:
		return entry + " has the same secret as " + other
	case ReasonActive:
		return "no entry has the active key id"
	}
	return "unknown fault"
}

// Faults lists everything that is wrong. It is an error.
type Faults []Fault

// Error describes every fault.
func (f Faults) Error() string {
	words := make([]string, 0, len(f))
	for _, fault := range f {
		words = append(words, fault.String())
	}
	return "keys from the environment: " + strings.Join(words, "; ")
}

// sort sorts the faults in the order of the entries, with those of the value as a whole last.
func (f Faults) sort() {
	slices.SortStableFunc(f, func(a, b Fault) int {
		if (a.Entry == 0) != (b.Entry == 0) {
			return cmp.Compare(b.Entry, a.Entry)
		}
		return cmp.Compare(a.Entry, b.Entry)
	})
}

// clashes returns the keyring, or what the keyring rejects: the same key material under two ids.
// Its other faults cannot occur here.
func clashes(made []keys.Key, at map[keys.ID]int) (*keys.Keyring, Faults) {
	keyring, err := keys.NewKeyring(made...)
	var clashes keys.Faults
	if !errors.As(err, &clashes) {
		return keyring, nil
	}
	var faults Faults
	for _, clash := range clashes {
		if clash.Reason == keys.FaultSameMaterial {
			faults = append(faults, Fault{Reason: ReasonSameMaterial, Entry: at[clash.ID],
				Other: at[clash.Other]})
		}
	}
	return nil, faults
}
