package environment

import (
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/secret"
	"github.com/offload/sessiond/domain/strict"
)

// Entry is one key from a variable: id and secret, trimmed at both ends and not validated.
type Entry struct {
	id, secret string
	noText     bool // the value was not a string
}

// NewEntry returns the key of a variable that holds only a secret.
func NewEntry(id, text string) Entry {
	return Entry{id: secret.Trim(id), secret: secret.Trim(text)}
}

// Secret returns the entry's secret, for the policy that judges it; empty if there is none.
func (e Entry) Secret() string { return e.secret }

// IsFor reports whether the entry is the key with that id.
func (e Entry) IsFor(id keys.ID) bool { return e.id == string(id) }

// Format hides the entry from every verb of fmt.
func (Entry) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, "[key]") }

// ParseEntries parses a JSON object that maps key ids to secrets, in the order of the text. It
// fails with Faults, of which ReasonNoObject is the only one: Keyring finds all others, so that all
// faults are reported at once.
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

// Keyring returns a keyring of entries in which the active key signs and all verify. It fails with
// Faults, which lists all faults in the order of the entries.
func Keyring(entries []Entry, active keys.ID) (*keys.Keyring, error) {
	var faults Faults
	at := map[keys.ID]int{} // the first index of an id
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
	keyring, clashes := clashes(made, at)
	if faults = append(faults, clashes...); faults != nil {
		faults.sort()
		return nil, faults
	}
	return keyring, nil
}

// broken returns what is wrong with the entry's secret, except its strength.
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
