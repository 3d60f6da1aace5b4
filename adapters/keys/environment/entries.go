package environment

import (
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/secret"
	"github.com/offload/sessiond/domain/strict"
)

// Entry is one key of a variable: an id and a secret, with white space trimmed at both ends.
// Neither of them has been checked.
type Entry struct {
	id, secret string
	notString  bool // the value was not a string
}

// NewEntry returns the key of a variable that contains only a secret.
func NewEntry(id, text string) Entry {
	return Entry{id: secret.Trim(id), secret: secret.Trim(text)}
}

// Secret returns the entry's secret, so that a caller can check its strength; empty if there is
// none.
func (e Entry) Secret() string { return e.secret }

// ID returns the entry's key id, and false if it is not valid.
func (e Entry) ID() (keys.ID, bool) { return keys.ParseID(e.id) }

// IsFor reports whether the entry is the key with the given id.
func (e Entry) IsFor(id keys.ID) bool { return e.id == string(id) }

// Format implements fmt.Formatter. It hides the entry from every verb.
func (Entry) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, "[key]") }

// ParseEntries parses a JSON object that maps key ids to secrets. It returns the entries in the
// order of the text. It fails with Faults whose reason is ReasonNotJSON or ReasonNotObject. All
// other faults are found by Keyring, so that they are reported together.
func ParseEntries(text string) ([]Entry, error) {
	document, err := strict.Parse(text)
	if err != nil {
		at, _ := strict.Failure(text)
		return nil, Faults{{Reason: ReasonNotJSON, At: at}}
	}
	if document.Kind() != strict.Object {
		return nil, Faults{{Reason: ReasonNotObject}}
	}
	members := document.Members()
	entries := make([]Entry, 0, len(members))
	for _, member := range members {
		value, ok := member.Value.Text()
		entry := NewEntry(member.Name, value)
		entry.notString = !ok
		entries = append(entries, entry)
	}
	return entries, nil
}

// Keyring returns a keyring of entries, in which the key active signs and all keys verify. It fails
// with Faults that lists all faults in the order of the entries.
func Keyring(entries []Entry, active keys.ID) (*keys.Keyring, error) {
	var faults Faults
	at := map[keys.ID]int{} // the number of the first entry with that id
	valid := make([]keys.Key, 0, len(entries))
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
		reason := entry.secretFault()
		if reason != ReasonNone {
			faults = append(faults, Fault{Reason: reason, Entry: number})
			continue
		}
		if ok && at[id] == number {
			valid = append(valid, keys.NewHS256(id, []byte(entry.secret), plan(id, active)))
		}
	}
	if len(entries) == 0 {
		faults = append(faults, Fault{Reason: ReasonNoKeys})
	} else if at[active] == 0 {
		faults = append(faults, Fault{Reason: ReasonActive})
	}
	keyring, clashes := newKeyring(valid, at)
	if faults = append(faults, clashes...); faults != nil {
		faults.sort()
		return nil, faults
	}
	return keyring, nil
}

// secretFault returns the reason why the entry's secret cannot be used, or ReasonNone. It does not
// check the strength.
func (e Entry) secretFault() Reason {
	switch {
	case e.notString:
		return ReasonNotString
	case e.secret == "":
		return ReasonEmpty
	case !utf8.ValidString(e.secret):
		return ReasonUTF8
	}
	return ReasonNone
}
