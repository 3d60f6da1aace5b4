package keyset

import (
	"context"
	"time"

	"github.com/offload/sessiond/adapters/system/securefile"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/ports"
)

// Store implements ports.Keyset with a keyset file. It is safe for concurrent use, also by several
// processes.
type Store struct {
	path string
	// lockTimeout is the constant of the same name, except in tests.
	lockTimeout time.Duration
	// locks is systemLocks, except in tests.
	locks locks
}

var _ ports.Keyset = (*Store)(nil)

// NewStore returns a store of the file at path. Symbolic links are followed, never replaced.
func NewStore(path string) *Store {
	return &Store{path: path, lockTimeout: lockTimeout, locks: systemLocks}
}

// Update implements ports.Keyset. It waits up to 10 s for other writers. A new file has mode 0600;
// an existing file keeps its owner, group, mode and access list. It fails with Faults if there is a
// file that cannot be read, and with a *WriteError if the file cannot be changed.
func (s *Store) Update(ctx context.Context,
	change func(*keys.Keyring) (*keys.Keyring, error)) error {
	dir, err := openDir(s.path)
	if err != nil {
		return &WriteError{Problem: ProblemUnwritable, Cause: securefile.WithoutPath(err)}
	}
	defer dir.close()
	if err := dir.lock(ctx, s.locks, s.lockTimeout); err != nil {
		return err
	}
	// They contain keys, so they are removed even if change fails or changes nothing.
	dir.removeLeftovers()
	current, err := dir.read()
	if err != nil {
		return err
	}
	defer current.close()
	changed, err := change(current.keyring)
	if err != nil {
		return err
	}
	if changed == nil || current.keyring != nil && equal(current.keyring, changed) {
		return nil
	}
	text := keys.FormatSet(changed)
	if _, err := keys.ParseSet(text); err != nil {
		return &WriteError{Problem: ProblemInvalid, Cause: err}
	}
	return dir.replace(current, text)
}

// read reads the keyset file. The result is empty if there is no file. It fails with Faults. The
// caller holds the lock.
func (d *dir) read() (*current, error) {
	file, stat, err := securefile.Open(d.root, d.name)
	if err != nil {
		fault := unread(err)
		if fault.Reason == securefile.Missing {
			return &current{}, nil
		}
		return nil, Faults{fault}
	}
	content, err := securefile.Content(file, keys.MaxSetBytes)
	if err != nil {
		_ = file.Close()
		return nil, Faults{unread(err)}
	}
	read, fault := parse(content)
	if fault != nil {
		_ = file.Close()
		return nil, Faults{fault}
	}
	return &current{keyring: read.keyring, file: file, stat: stat}, nil
}
