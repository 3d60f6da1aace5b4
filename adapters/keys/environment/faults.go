package environment

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/strict"
)

// Reason identifies what is wrong with the structure of a variable's value.
type Reason uint8

// The reasons.
const (
	// ReasonNone means that nothing is wrong.
	ReasonNone Reason = iota
	// ReasonNotJSON means that the text is not JSON in valid UTF-8.
	ReasonNotJSON
	// ReasonNotObject means that the text is JSON, but not an object.
	ReasonNotObject
	// ReasonNoKeys means that the object has no members.
	ReasonNoKeys
	// ReasonID means that an id is empty or too long, or has a character outside the alphabet.
	ReasonID
	// ReasonSameID means that an earlier entry has the same id.
	ReasonSameID
	// ReasonNotString means that a value is not a string.
	ReasonNotString
	// ReasonEmpty means that a secret is empty or has only white space.
	ReasonEmpty
	// ReasonUTF8 means that a secret is not valid UTF-8: a key is the UTF-8 bytes of its text.
	ReasonUTF8
	// ReasonSameMaterial means that another id has the same secret.
	ReasonSameMaterial
	// ReasonActive means that no entry has the active id.
	ReasonActive
)

// Fault describes one thing that is wrong with a variable's value. It identifies entries by their
// number, from 1.
type Fault struct {
	Reason Reason
	// Entry is the number of the entry that is wrong; 0 for the value as a whole.
	Entry int
	// Other is the number of the earlier entry that Entry clashes with; 0 if there is none.
	Other int
	// At is the place at which the text is no longer JSON, if the reason is ReasonNotJSON.
	At strict.Position
}

// String returns a description of the fault. It continues a sentence that begins with the
// variable's name.
func (f Fault) String() string {
	entry, other := "entry "+strconv.Itoa(f.Entry), "entry "+strconv.Itoa(f.Other)
	switch f.Reason {
	case ReasonNone:
		return "nothing is wrong"
	case ReasonNotJSON:
		return fmt.Sprintf("is not JSON in valid UTF-8 (line %d, column %d)", f.At.Line, f.At.Column)
	case ReasonNotObject:
		return "is not a JSON object"
	case ReasonNoKeys:
		return "holds no key"
	case ReasonID:
		return entry + " has an id that is not 1 to 64 of A-Z a-z 0-9 . _ -"
	case ReasonSameID:
		return entry + " has the same id as " + other
	case ReasonNotString:
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

// Faults lists all faults of a variable's value. It implements error.
type Faults []Fault

// Error implements error. It returns the text of every fault.
func (f Faults) Error() string {
	words := make([]string, 0, len(f))
	for _, fault := range f {
		words = append(words, fault.String())
	}
	return "keys from the environment: " + strings.Join(words, "; ")
}

// sort sorts the faults in the order of the entries, those of the whole value last.
func (f Faults) sort() {
	slices.SortStableFunc(f, func(a, b Fault) int {
		if (a.Entry == 0) != (b.Entry == 0) {
			return cmp.Compare(b.Entry, a.Entry)
		}
		return cmp.Compare(a.Entry, b.Entry)
	})
}

// newKeyring returns the keyring of the valid keys, or the faults that keys.NewKeyring finds. at
// maps each id to the number of its entry. Only FaultSameMaterial, one secret under two ids, is
// reported: the caller has already found all other faults of a keyring.
func newKeyring(valid []keys.Key, at map[keys.ID]int) (*keys.Keyring, Faults) {
	keyring, err := keys.NewKeyring(valid...)
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
