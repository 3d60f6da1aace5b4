package environment

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/offload/sessiond/domain/keys"
)

// Reason is what is wrong with the structure of what a variable gives.
type Reason uint8

// The reasons.
const (
	// ReasonNone is nothing wrong.
	ReasonNone Reason = iota
	// ReasonNoObject is a text that is no JSON object.
	ReasonNoObject
	// ReasonNoKeys is an object without a member.
	ReasonNoKeys
	// ReasonID is an empty id, or one outside the alphabet.
	ReasonID
	// ReasonSameID is an id that stood before.
	ReasonSameID
	// ReasonNoText is a value that is no string.
	ReasonNoText
	// ReasonEmpty is a secret with nothing in it but white space.
	ReasonEmpty
	// ReasonUTF8 is a secret that is not valid UTF-8: a key is the UTF-8 bytes of its text.
	ReasonUTF8
	// ReasonSameMaterial is a secret that another id has too.
	ReasonSameMaterial
	// ReasonActive is an active id that names no entry.
	ReasonActive
)

// Fault is one thing that is wrong. It names entries by their place, from 1.
type Fault struct {
	Reason Reason
	// Entry is the one that is wrong; 0 where it is the whole.
	Entry int
	// Other is the earlier one that Entry clashes with; 0 where it clashes with none.
	Other int
}

// String tells the fault in words, as a sentence's part that follows the variable's name.
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

// Faults is all that is wrong. It is an error.
type Faults []Fault

// Error tells every fault.
func (f Faults) Error() string {
	words := make([]string, 0, len(f))
	for _, fault := range f {
		words = append(words, fault.String())
	}
	return "keys from the environment: " + strings.Join(words, "; ")
}

// sort puts the faults in the order of the entries, those of the whole last.
func (f Faults) sort() {
	slices.SortStableFunc(f, func(a, b Fault) int {
		if (a.Entry == 0) != (b.Entry == 0) {
			return cmp.Compare(b.Entry, a.Entry)
		}
		return cmp.Compare(a.Entry, b.Entry)
	})
}

// clashes makes the ring, or tells what the ring refuses: one material under two ids. The other faults of a ring cannot come here.
func clashes(made []keys.Key, at map[keys.ID]int) (*keys.Keyring, Faults) {
	ring, err := keys.NewKeyring(made...)
	var clashes keys.Faults
	if !errors.As(err, &clashes) {
		return ring, nil
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
