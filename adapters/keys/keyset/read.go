// Package keyset keeps keys in a file, a JWK Set as domain/keys reads it: Read takes it whole or not at all, Source watches it, Store
// changes it.
//
// A file that is not sound never takes the place of one that was, neither in force nor on disk. Faults tell key ids, members and fixed
// sentences; no error, event or text of the package holds material or a path. (A watch that fails tells the folder.) It imports domain, ports,
// fsnotify, renameio and x/sys.
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

// Rules is what a keyset file must be, beyond its form, before it takes force.
type Rules struct {
	// Production is a production-like environment: a file that others may read or write, or that its group may write, is refused. False asks
	// nothing of the mode.
	Production bool
	// Accept judges the keys: whether they are strong, and none is a secret that serves for something else. Its error holds no material. Nil
	// takes all keys.
	Accept func(*keys.Keyring) error
}

// judge adds to the faults of a file all that keeps its keys from taking force. Whether one can sign is asked of a whole set alone.
func (r Rules) judge(ring *keys.Keyring, now time.Time, faults Faults) Faults {
	whole := !slices.ContainsFunc(faults, func(fault Fault) bool {
		return fault.Reason == ReasonMalformed
	})
	if r.Accept != nil {
		if err := r.Accept(ring); err != nil {
			faults = append(faults, Fault{Reason: ReasonRefused, Cause: err})
		}
	}
	if whole && !ring.CanSign(now) {
		faults = append(faults, Fault{Reason: ReasonNoSigner})
	}
	return faults
}

// Read reads the keyset file at path, through symbolic links, and judges it by rules and the clock. It never waits for a writer, as a pipe
// would have it. It fails with Faults, all of them at once.
func Read(path string, rules Rules, now time.Time) (*keys.Keyring, error) {
	ring, faults := load(path, rules.Production)
	if ring != nil {
		faults = rules.judge(ring, now, faults)
	}
	if faults != nil {
		return nil, faults
	}
	return ring, nil
}

// Load reads the keyset file at path for those who only look: whatever its mode, and whether or not its keys could take force. It fails with
// Faults, all of them at once.
func Load(path string) (*keys.Keyring, error) {
	ring, faults := load(path, false)
	if faults != nil {
		return nil, faults
	}
	return ring, nil
}

// load reads a file by its name. There may be both, keys and faults.
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
	ring, fault := parse(file)
	if fault != nil {
		faults = append(faults, *fault)
	}
	return ring, faults
}

// exposed tells whether others may read or write a file, or its group write it. That its group may read it is well: Kubernetes (fsGroup)
// and systemd (LoadCredential) make it so.
func exposed(mode fs.FileMode) bool { return mode.Perm()&0o026 != 0 }

// place is where names are looked up: anywhere, or in one folder (os.Root).
type place interface {
	Stat(name string) (fs.FileInfo, error)
	OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error)
}

// anywhere is the whole file system.
type anywhere struct{}

// Stat is place's.
func (anywhere) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }

// OpenFile is place's.
func (anywhere) OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error) {
	return os.OpenFile(name, flag, perm)
}

// open opens a regular file for reading. What stat tells is of the file that was opened, whatever its name comes to stand for.
func open(in place, name string) (*os.File, fs.FileInfo, *Fault) {
	// What is no file is refused unopened, for opening some devices does something. Between here and there the name may come to stand for
	// another thing, so it is opened in a way that waits for nobody, and looked at again.
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

// parse reads an opened file to its end. With a fault there may be keys too, for the rules to judge: never to take force.
func parse(file *os.File) (*keys.Keyring, *Fault) {
	text, err := io.ReadAll(io.LimitReader(file, keys.MaxSetBytes+1))
	switch {
	case err != nil:
		return nil, unreadable(err)
	case len(text) > keys.MaxSetBytes:
		return nil, &Fault{Reason: ReasonTooLarge}
	}
	ring, err := keys.ParseSet(string(text))
	if err != nil {
		return keys.ReadableKeys(string(text)), &Fault{Reason: ReasonMalformed, Cause: err}
	}
	return ring, nil
}

// unreadable is the fault of a file that the system does not give.
func unreadable(err error) *Fault {
	if errors.Is(err, fs.ErrNotExist) {
		return &Fault{Reason: ReasonMissing}
	}
	return &Fault{Reason: ReasonUnreadable, Cause: bare(err)}
}

// same tells whether two rings would be the same file.
func same(a, b *keys.Keyring) bool { return keys.FormatSet(a) == keys.FormatSet(b) }
