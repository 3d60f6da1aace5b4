package keyset

import (
	"context"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/ports"
)

// Store is the ports.Keyset of a file.
type Store struct{ path string }

var _ ports.Keyset = (*Store)(nil)

// NewStore returns a store for the file at path. Symbolic links are followed, never replaced.
func NewStore(path string) *Store { return &Store{path: path} }

// Update implements ports.Keyset. It waits 10 s for other writers. A new file has mode 0600; an
// existing one keeps its owner, group, mode and access list. It fails with Faults if the existing
// file cannot be read, and with a *WriteError if it cannot be changed.
func (s *Store) Update(ctx context.Context, change func(*keys.Keyring) (*keys.Keyring,
	error)) error {
	folder, err := openFolder(s.path)
	if err != nil {
		return &WriteError{Problem: ProblemUnwritable, Cause: bare(err)}
	}
	defer folder.close()
	if err := folder.lock(ctx); err != nil {
		return err
	}
	folder.sweep() // even if nothing is written in the end: what was left behind holds keys
	current, err := folder.read()
	if err != nil {
		return err
	}
	defer current.close()
	changed, err := change(current.keyring)
	if err != nil {
		return err
	}
	if changed == nil || current.keyring != nil && same(current.keyring, changed) {
		return nil
	}
	text := keys.FormatSet(changed)
	if _, err := keys.ParseSet(text); err != nil {
		return &WriteError{Problem: ProblemUnfit, Cause: err}
	}
	return folder.replace(current, text)
}

// read returns the keyset under the lock, or an empty one if there is none. It fails with Faults.
func (f *folder) read() (*current, error) {
	file, stat, fault := open(f.root, f.name)
	switch {
	case fault != nil && fault.Reason == ReasonMissing:
		return &current{}, nil
	case fault != nil:
		return nil, Faults{*fault}
	}
	keyring, fault := parse(file)
	if fault != nil {
		_ = file.Close()
		return nil, Faults{*fault}
	}
	return &current{keyring: keyring, file: file, stat: stat}, nil
}
