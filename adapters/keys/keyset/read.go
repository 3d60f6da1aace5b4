// Package keyset stores keys in a file, a JWK Set as domain/keys defines it. Read reads the file,
// Source follows it, and Store changes it.
//
// A file is used completely or not at all. An invalid file never replaces a valid one, neither in
// force nor on disk. Faults contain key ids, names of members and fixed sentences. No error or text
// of the package contains material or a path, with two exceptions: the error of a failed watch
// names the directory, and the event of a failed reload names the file. The package imports domain,
// ports, adapters/system, renameio and x/sys.
package keyset

import (
	"errors"
	"time"

	"github.com/offload/sessiond/adapters/system/securefile"
	"github.com/offload/sessiond/domain/keys"
)

// Rules holds the conditions that a keyset file must satisfy, in addition to its form, before it is
// put in force.
type Rules struct {
	// Production selects the rules of a production-like environment: a file that others may read or
	// write, or that its group may write, is refused. If it is false, the mode is not checked.
	Production bool
	// Accept checks that the keys are strong, and that none of them is a secret that is also used
	// for another purpose. Its error must not contain material. An error that is a
	// *securefile.Fault is reported unchanged; any other becomes the cause of ReasonRefused. If
	// Accept is nil, all keys are accepted.
	Accept func([]keys.Placed) error
	// Lists are the paths of files that Accept reads. A Source follows them too, and calls Accept
	// for the keys in force again after the result of ListsVersion has changed. ListsVersion
	// describes the content of all lists; nil if there are none.
	Lists        []string
	ListsVersion func() string
	// Retention is how long sessions can be used. A Source warns of keys that end too early for it;
	// if it is zero, of none.
	Retention keys.Retention
}

// evaluate appends the faults of read that the rules find to faults. Whether a key can sign at now
// or later is checked only if the set could be read completely.
func (r Rules) evaluate(read set, now time.Time, faults Faults) Faults {
	faults = r.accept(read.placed, faults)
	if read.keyring != nil && !read.keyring.CanSign(now) {
		faults = append(faults, noSigner())
	}
	return faults
}

// accept appends the fault that Accept finds to faults, if it finds one.
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

// listsVersion returns the result of ListsVersion, or "" if there are no lists.
func (r Rules) listsVersion() string {
	if r.ListsVersion == nil {
		return ""
	}
	return r.ListsVersion()
}

// set is the part of a keyset that could be read.
type set struct {
	// keyring is nil if the set has faults.
	keyring *keys.Keyring
	// placed lists the keys that could be read. If the set has faults, they are only for the rules
	// to check, and must never be put in force.
	placed []keys.Placed
}

// Read reads the keyset file at path, following symbolic links, and checks it against rules at the
// time now. It never waits for a writer, as opening a pipe would. It fails with Faults that lists
// all faults.
func Read(path string, rules Rules, now time.Time) (*keys.Keyring, error) {
	read, faults := load(path, rules.Production)
	faults = rules.evaluate(read, now, faults)
	if faults != nil {
		return nil, faults
	}
	return read.keyring, nil
}

// Load reads the keyset file at path for callers that only inspect it. It checks neither the mode
// of the file nor whether its keys could be put in force. It fails with Faults that lists all
// faults.
func Load(path string) (*keys.Keyring, error) {
	read, faults := load(path, false)
	if faults != nil {
		return nil, faults
	}
	return read.keyring, nil
}

// load reads and parses a file. production selects the checks of the mode.
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

// readFile reads a file, and returns its faults except those of the content. The file is nil if it
// could not be read.
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

// parse parses the content of a file. With a fault, the set may contain the keys without faults.
func parse(content []byte) (set, *securefile.Fault) {
	keyring, placed, err := keys.ReadSet(string(content))
	if err != nil {
		return set{placed: placed}, malformed(err)
	}
	return set{keyring, placed}, nil
}

// equal reports whether two keyrings would be written as the same text.
func equal(a, b *keys.Keyring) bool { return a == b || keys.FormatSet(a) == keys.FormatSet(b) }
