// Package keyset keeps keys in a file, a JWK Set as domain/keys reads it. Read reads the file
// completely or not at all, Source watches it, Store changes it.
//
// An invalid file never replaces a valid one, neither in force nor on disk. Faults contain key ids,
// members and fixed sentences; no error, event or text of the package contains material or a path,
// except that a failed watch names the directory. The package imports domain, ports, fsnotify,
// renameio and x/sys.
package keyset

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/offload/sessiond/domain/keys"
)

// Rules states what a keyset file must satisfy, beyond its form, before it is put in force.
type Rules struct {
	// Production selects the rules of a production-like environment: a file that others may read or
	// write, or that its group may write, is refused. If it is false, the mode is not checked.
	Production bool
	// Accept checks the keys: whether they are strong, and that none is a secret that is also used
	// for something else. Its error contains no material. If it is nil, all keys are accepted.
	Accept func(*keys.Keyring) error
}

// evaluate appends to the faults of a file everything that keeps its keys from being put in force.
// It checks that a key can sign only if the set could be read completely.
func (r Rules) evaluate(keyring *keys.Keyring, now time.Time, faults Faults) Faults {
	complete := !slices.ContainsFunc(faults, func(fault Fault) bool {
		return fault.Reason == ReasonMalformed
	})
	if r.Accept != nil {
		if err := r.Accept(keyring); err != nil {
			faults = append(faults, Fault{Reason: ReasonRefused, Cause: err})
		}
	}
	if complete && !keyring.CanSign(now) {
		faults = append(faults, Fault{Reason: ReasonNoSigner})
	}
	return faults
}

// Read reads the keyset file at path, through symbolic links, and checks it against rules and the
// clock. It never waits for a writer, as opening a pipe would. It fails with Faults, which lists
// all of them.
func Read(path string, rules Rules, now time.Time) (*keys.Keyring, error) {
	keyring, faults := load(path, rules.Production)
	if keyring != nil {
		faults = rules.evaluate(keyring, now, faults)
	}
	if faults != nil {
		return nil, faults
	}
	return keyring, nil
}

// Load reads the keyset file at path for callers that only inspect it: whatever its mode, and
// whether or not its keys could be put in force. It fails with Faults, which lists all of them.
func Load(path string) (*keys.Keyring, error) {
	keyring, faults := load(path, false)
	if faults != nil {
		return nil, faults
	}
	return keyring, nil
}

// load reads a file by its name. It may return both keys and faults.
func load(path string, production bool) (*keys.Keyring, Faults) {
	file, stat, fault := open(hostFS{}, path)
	if fault != nil {
		return nil, Faults{*fault}
	}
	defer func() { _ = file.Close() }()
	var faults Faults
	if production && exposed(stat.Mode()) {
		faults = append(faults, Fault{Reason: ReasonExposed})
	}
	keyring, fault := parse(file)
	if fault != nil {
		faults = append(faults, *fault)
	}
	return keyring, faults
}

// exposed reports whether others may read or write a file, or its group may write it. Read access
// for the group is fine: Kubernetes (fsGroup) and systemd (LoadCredential) set it.
func exposed(mode fs.FileMode) bool { return mode.Perm()&0o026 != 0 }

// fileSystem is where names are looked up: the host's file system, or one directory (os.Root).
type fileSystem interface {
	Stat(name string) (fs.FileInfo, error)
	OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error)
}

// hostFS is the complete file system of the host.
type hostFS struct{}

// Stat implements fileSystem.
func (hostFS) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }

// OpenFile implements fileSystem.
func (hostFS) OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error) {
	return os.OpenFile(name, flag, perm)
}

// open opens a regular file for reading. The returned info is that of the opened file, whatever its
// name refers to later.
func open(fsys fileSystem, name string) (*os.File, fs.FileInfo, *Fault) {
	// Something that is not a file is refused without opening it, because opening some devices has
	// an effect. The name may come to refer to something else before the file is opened, so it is
	// opened without blocking and checked again.
	stat, err := fsys.Stat(name)
	if err != nil {
		return nil, nil, unreadable(err)
	}
	if !stat.Mode().IsRegular() {
		return nil, nil, &Fault{Reason: ReasonNotRegular}
	}
	file, err := fsys.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, unreadable(err)
	}
	stat, err = file.Stat()
	switch {
	case err != nil:
		_ = file.Close()
		return nil, nil, unreadable(err)
	case !stat.Mode().IsRegular():
		_ = file.Close()
		return nil, nil, &Fault{Reason: ReasonNotRegular}
	}
	return file, stat, nil
}

// parse reads an opened file to its end. It may return keys together with a fault: they are for the
// rules to check and must never be put in force.
func parse(file *os.File) (*keys.Keyring, *Fault) {
	text, err := io.ReadAll(io.LimitReader(file, keys.MaxSetBytes+1))
	switch {
	case err != nil:
		return nil, unreadable(err)
	case len(text) > keys.MaxSetBytes:
		return nil, &Fault{Reason: ReasonTooLarge}
	}
	keyring, err := keys.ParseSet(string(text))
	if err != nil {
		return keys.ReadableKeys(string(text)), &Fault{Reason: ReasonMalformed, Cause: err}
	}
	return keyring, nil
}

// unreadable returns the fault of a file that the system cannot open or read.
func unreadable(err error) *Fault {
	if errors.Is(err, fs.ErrNotExist) {
		return &Fault{Reason: ReasonMissing}
	}
	return &Fault{Reason: ReasonUnreadable, Cause: withoutPath(err)}
}

// equal reports whether two keyrings would be written as the same file.
func equal(a, b *keys.Keyring) bool { return keys.FormatSet(a) == keys.FormatSet(b) }
