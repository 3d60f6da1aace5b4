package environment

import (
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/secret"
	"github.com/offload/sessiond/domain/strict"
)

// Entry is one key as a variable gives it: id and secret, white space trimmed at both ends, neither judged yet.
type Entry struct {
	id, secret string
	noText     bool // the value was no string
}

// NewEntry is the one key of a variable that holds a secret alone.
func NewEntry(id, text string) Entry {
	return Entry{id: secret.Trim(id), secret: secret.Trim(text)}
}

// Secret is the entry's secret, for the policy that judges it; empty where there is none.
func (e Entry) Secret() string { return e.secret }

// IsFor tells whether the entry is the key of that id.
func (e Entry) IsFor(id keys.ID) bool { return e.id == string(id) }

// Format hides the entry from every verb of fmt.
func (Entry) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, "[key]") }

// ParseEntries reads a JSON object from key ids to secrets, in the order of the text. It fails with Faults, only ReasonNoObject:
// everything else is for Ring to tell, so that all faults are told at once.
func ParseEntries(text string) ([]Entry, error) {
	document, err := strict.Parse(text)
	if err != nil || document.Kind() != strict.Object {
		return nil, Faults{{Reason: ReasonNoObject}}
	}
	members := document.Members()
	entries := make([]Entry, 0, len(members))
	for _, member := range members {
		value, ok := member.Value.Text()
		entry := NewEntry(member.Name, value)
		entry.noText = !ok
		entries = append(entries, entry)
	}
	return entries, nil
}

// Ring makes a ring of entries, in which the key active signs and all verify. It fails with Faults, all of them, in the order of the entries.
func Keyring(entries []Entry, active keys.ID) (*keys.Keyring, error) {
	var faults Faults
	at := map[keys.ID]int{} // where an id stands first
	made := make([]keys.Key, 0, len(entries))
	for i, entry := range entries {
		number := i + 1
		id, ok := keys.ParseID(entry.id)
		if !ok {
			faults = append(faults, Fault{Reason: ReasonID, Entry: number})
		} else if first, again := at[id]; again {
			faults = append(faults, Fault{Reason: ReasonSameID, Entry: number, Other: first})
		} else {
			at[id] = number
		}
		reason := entry.broken()
		if reason != ReasonNone {
			faults = append(faults, Fault{Reason: reason, Entry: number})
			continue
		}
		if ok && at[id] == number {
			made = append(made, keys.NewHS256(id, []byte(entry.secret), plan(id, active)))
		}
	}
	if len(entries) == 0 {
		faults = append(faults, Fault{Reason: ReasonNoKeys})
	} else if at[active] == 0 {
		faults = append(faults, Fault{Reason: ReasonActive})
	}
	ring, clashes := clashes(made, at)
	if faults = append(faults, clashes...); faults != nil {
		faults.sort()
		return nil, faults
	}
	return ring, nil
}

// broken is what is wrong with the entry's secret, strength apart.
func (e Entry) broken() Reason {
	switch {
	case e.noText:
		return ReasonNoText
	case e.secret == "":
		return ReasonEmpty
	case !utf8.ValidString(e.secret):
		return ReasonUTF8
	}
	return ReasonNone
}
