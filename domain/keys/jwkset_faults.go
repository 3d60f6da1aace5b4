package keys

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/offload/sessiond/domain/strict"
)

// maxReported is the maximum number of faults that a message lists: a file that is not a keyset at
// all can have a fault in every item.
const maxReported = 100

// SetFault is one thing that is wrong with a keyset's text. It holds an id, names of members and
// fixed sentences; never material.
type SetFault struct {
	// Index is the key's position in the set, from 0; -1 for the set as a whole.
	Index int
	// ID is the key's id, if it has a valid one.
	ID ID
	// Member is the member that is wrong; empty for the key as a whole.
	Member string
	// Problem is a sentence whose subject is the member, the key or the set.
	Problem string
}

// String returns a description of the fault.
func (f SetFault) String() string { return f.place() + " " + f.Problem }

// place returns where the fault is, up to the colon.
func (f SetFault) place() string {
	where := "the set"
	if f.Index >= 0 {
		where = "key " + strconv.Itoa(f.Index+1)
	}
	if f.ID != "" {
		where += " (" + string(f.ID) + ")"
	}
	if f.Member != "" {
		where += ": " + f.Member
	}
	return where + ":"
}

// SetFaults is the list of everything that is wrong with a keyset's text. It implements error.
type SetFaults []SetFault

// Lines returns a description of every fault, one line each. If there are more than a hundred, it
// returns the first hundred and a line with the number of the others.
func (f SetFaults) Lines() []string {
	reported := f[:min(len(f), maxReported)]
	lines := make([]string, 0, len(reported)+1)
	for _, fault := range reported {
		lines = append(lines, fault.String())
	}
	if more := len(f) - len(reported); more > 0 {
		lines = append(lines, strconv.Itoa(more)+" more")
	}
	return lines
}

// Error returns the text of Lines.
func (f SetFaults) Error() string { return "keyset: " + strings.Join(f.Lines(), "; ") }

// withoutMark returns the text without a byte order mark, which RFC 8259 §8.1 forbids, and a fault
// that names it.
func withoutMark(text string) (rest string, faults SetFaults) {
	rest, marked := strings.CutPrefix(text, strict.ByteOrderMark)
	if marked {
		faults = SetFaults{{Index: -1,
			Problem: "begins with a byte order mark (BOM): save the file as UTF-8 without one"}}
	}
	return rest, faults
}

// notJSON returns the fault of a text that cannot be parsed.
func notJSON(text string) SetFault {
	if encoding := strict.UTF16(text); encoding != "" {
		return SetFault{Index: -1, Problem: "is in " + encoding + ": save the file as UTF-8"}
	}
	at, _ := strict.Failure(text)
	problem := fmt.Sprintf("is not JSON (line %d, column %d)", at.Line, at.Column)
	if strings.TrimSpace(text) == "" {
		problem += ": it is empty"
	}
	return SetFault{Index: -1, Problem: problem}
}

// maxShownName is the maximum length of the name of an unknown member that is shown: a longer one
// may be a secret in the wrong place.
const maxShownName = 24

// maxEdits is the number of edits within which a name is taken for a misspelt one.
const maxEdits = 3

// unknownMember returns the problem of a member with an unknown name. If the name is close to a
// known one, mistyped is true and the problem suggests it; otherwise it lists the known names. A
// name that may be a secret is not repeated.
func unknownMember(name string, known ...string) (problem string, mistyped bool) {
	if len(name) > maxShownName || strings.ContainsFunc(name, func(c rune) bool {
		return c < ' ' || c > '~'
	}) {
		return "has a member that is not known, and whose name may be a secret; known are " +
			strings.Join(known, " "), false
	}
	best, fewest := "", min(maxEdits, max(1, len(name)/3), len(name)-1)+1
	for _, candidate := range known {
		if d := strict.Distance(strings.ToLower(name), candidate); d < fewest {
			best, fewest = candidate, d
		}
	}
	problem = "has a member that is not known: " + strconv.Quote(name)
	if best != "" {
		return problem + " (did you mean " + best + "?)", true
	}
	return problem + "; known are " + strings.Join(known, " "), false
}
