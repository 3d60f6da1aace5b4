// Package keyset keeps keys in a file, a JWK Set as domain/keys reads it. Read reads the file
// completely or not at all, Source watches it, Store changes it.
//
// An invalid file never replaces a valid one, neither in force nor on disk. Faults contain key ids,
// members and fixed sentences; no error or text of the package contains material or a path, except
// that a failed watch names the directory; the event of a failed reload names the file. The package
// imports domain, ports, adapters/system, renameio and x/sys.
package keyset

import (
	"errors"
	"time"

	"github.com/offload/sessiond/adapters/system/securefile"
	"github.com/offload/sessiond/domain/keys"
)

// Rules states what a keyset file must satisfy, beyond its form, before it is put in force.
type Rules struct {
	// Production selects the rules of a production-like environment: a file that others may read or
	// write, or that its group may write, is refused. If it is false, the mode is not checked.
	Production bool
	// Accept checks the keys: whether they are strong, and that none is a secret that is also used
	// for something else. Its error contains no material; a *securefile.Fault is reported as it is.
	// If it is nil, all keys are accepted.
	Accept func([]keys.Placed) error
	// Lists are the paths of files that Accept reads. A Source follows them too, and has Accept check
	// the keys in force again when ListsVersion has changed, which describes the content of all.
	Lists        []string
	ListsVersion func() string
	// Retention is how long sessions are of use. A Source warns of keys that end before; if it is
	// zero, of none.
	Retention keys.Retention
}

// evaluate appends to the faults of a file everything that keeps its keys from being put in force.
// It checks that a key can sign only if the set could be read completely.
func (r Rules) evaluate(read set, now time.Time, faults Faults) Faults {
	faults = r.accept(read.placed, faults)
	if read.keyring != nil && !read.keyring.CanSign(now) {
		faults = append(faults, noSigner())
	}
	return faults
}

// accept appends to the faults of a file what Accept finds.
func (r Rules) accept(placed []keys.Placed, faults Faults) Faults {
	if r.Accept == nil {
		return faults
	}
	err := r.Accept(placed)
	if err == nil {
		return faults
	}
	fault, is := errors.AsType[*securefile.Fault](err)
	if !is {
		fault = refused(err)
	}
	return append(faults, fault)
}

// listsVersion describes the content of the lists, if there are any.
func (r Rules) listsVersion() string {
	if r.ListsVersion == nil {
		return ""
	}
	return r.ListsVersion()
}

// set is what could be read of a keyset.
type set struct {
	// keyring is nil if the set has faults.
	keyring *keys.Keyring
	// placed are the keys that could be read. If the set has faults, they are for the rules to
	// check, and must never be put in force.
	placed []keys.Placed
}

// Read reads the keyset file at path, through symbolic links, and checks it against rules and the
// clock. It never waits for a writer, as opening a pipe would. It fails with Faults, which lists
// all of them.
func Read(path string, rules Rules, now time.Time) (*keys.Keyring, error) {
	read, faults := load(path, rules.Production)
	faults = rules.evaluate(read, now, faults)
	if faults != nil {
		return nil, faults
	}
	return read.keyring, nil
}

// Load reads the keyset file at path for callers that only inspect it: whatever its mode, and
// whether or not its keys could be put in force. It fails with Faults, which lists all of them.
func Load(path string) (*keys.Keyring, error) {
	read, faults := load(path, false)
	if faults != nil {
		return nil, faults
	}
	return read.keyring, nil
}

// load reads a file by its name.
func load(path string, production bool) (set, Faults) {
	file, faults := readFile(path, production)
	if file == nil {
		return set{}, faults
	}
	read, fault := parse(file.Content)
	if fault != nil {
		faults = append(faults, fault)
	}
	return read, faults
}

// readFile reads a file by its name, and returns what keeps it from being used, unless it is its
// content. The file is nil if it could not be read.
func readFile(path string, production bool) (*securefile.File, Faults) {
	file, err := securefile.Read(path, keys.MaxSetBytes)
	if err != nil {
		return nil, Faults{unread(err)}
	}
	var faults Faults
	if replaced := file.Replaced(); replaced != nil {
		faults = append(faults, replaced)
	}
	if production {
		faults = append(faults, file.Exposures()...)
	}
	return file, faults
}

// parse reads the text of a file. It may return keys together with a fault.
func parse(content []byte) (set, *securefile.Fault) {
	keyring, placed, err := keys.ReadSet(string(content))
	if err != nil {
		return set{placed: placed}, malformed(err)
	}
	return set{keyring, placed}, nil
}

// equal reports whether two keyrings would be written as the same file.
func equal(a, b *keys.Keyring) bool { return a == b || keys.FormatSet(a) == keys.FormatSet(b) }
