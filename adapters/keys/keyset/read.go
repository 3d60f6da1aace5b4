// Package keyset keeps keys in a file, as a JWK Set in the form of domain/keys: Read accepts it as
// a whole or not at all, Source watches it, Store changes it.
//
// An invalid file never replaces a valid one, neither in force nor on disk. Faults name key ids,
// members and fixed sentences; no error, event or text of the package holds key material or a path,
// except that a failed watch names the folder. The package imports domain, ports, fsnotify,
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

// Rules are the requirements of a keyset file beyond its form.
type Rules struct {
	// Production refuses a file that others can read or write, or that its group can write. If it
	// is false, the mode is not checked.
	Production bool
	// Accept judges the keys: whether they are strong, and whether one is a secret that is used for
	// something else. Its error holds no key material. Nil accepts all keys.
	Accept func(*keys.Keyring) error
}

// judge adds to the faults of a file everything that keeps its keys from taking effect. Only a
// complete set is checked for a key that can sign.
func (r Rules) judge(keyring *keys.Keyring, now time.Time, faults Faults) Faults {
	whole := !slices.ContainsFunc(faults, func(fault Fault) bool {
		return fault.Reason == ReasonMalformed
	})
	if r.Accept != nil {
		if err := r.Accept(keyring); err != nil {
			faults = append(faults, Fault{Reason: ReasonRefused, Cause: err})
		}
	}
	if whole && !keyring.CanSign(now) {
		faults = append(faults, Fault{Reason: ReasonNoSigner})
	}
	return faults
}

// Read reads the keyset file at path, through symbolic links, and judges it by rules and the time.
// It never blocks, for example on a pipe without a writer. It fails with Faults, which lists all of
// them.
func Read(path string, rules Rules, now time.Time) (*keys.Keyring, error) {
	keyring, faults := load(path, rules.Production)
	if keyring != nil {
		faults = rules.judge(keyring, now, faults)
	}
	if faults != nil {
		return nil, faults
	}
	return keyring, nil
}

// Load reads the keyset file at path for display: whatever its mode, and whether or not its keys
// could take effect. It fails with Faults, which lists all of them.
func Load(path string) (*keys.Keyring, error) {
	keyring, faults := load(path, false)
	if faults != nil {
		return nil, faults
	}
	return keyring, nil
}

// load reads a file. It may return both keys and faults.
func load(path string, production bool) (*keys.Keyring, Faults) {
	file, stat, fault := open(anywhere{}, path)
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

// exposed reports whether others can read or write a file, or its group can write it.
// Group-readable files are accepted, because Kubernetes (fsGroup) and systemd (LoadCredential)
// create them.
func exposed(mode fs.FileMode) bool { return mode.Perm()&0o026 != 0 }

// place is where paths are resolved: anywhere, or in one folder (os.Root).
type place interface {
	Stat(name string) (fs.FileInfo, error)
	OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error)
}

// anywhere is the whole file system.
type anywhere struct{}

// Stat implements place.
func (anywhere) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }

// OpenFile implements place.
func (anywhere) OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error) {
	return os.OpenFile(name, flag, perm)
}

// open opens a regular file for reading. The returned information is about the opened file,
// whatever its path refers to later.
func open(in place, name string) (*os.File, fs.FileInfo, *Fault) {
	// Anything but a regular file is refused before it is opened, because opening some devices has
	// effects. Meanwhile the path may come to refer to something else, so it is opened without
	// blocking and checked again.
	stat, err := in.Stat(name)
	if err != nil {
		return nil, nil, unreadable(err)
	}
	if !stat.Mode().IsRegular() {
		return nil, nil, &Fault{Reason: ReasonNotRegular}
	}
	file, err := in.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
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

// parse reads an opened file to its end. With a fault it may also return keys, for the rules to
// judge and never to take effect.
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

// unreadable returns the fault for a file that cannot be opened or read.
func unreadable(err error) *Fault {
	if errors.Is(err, fs.ErrNotExist) {
		return &Fault{Reason: ReasonMissing}
	}
	return &Fault{Reason: ReasonUnreadable, Cause: bare(err)}
}

// same reports whether two keyrings have the same text.
func same(a, b *keys.Keyring) bool { return keys.FormatSet(a) == keys.FormatSet(b) }
