package ports

import (
	"context"

	"github.com/offload/sessiond/domain/keys"
)

// KeySource tells which keys are in force.
type KeySource interface {
	// Ring is the ring in force now. It returns at once, never nil, and is safe for concurrent use. Who reads two
	// things of a ring calls it once.
	Keyring() *keys.Keyring
}

// Keyset keeps keys for as long as nobody changes them.
type Keyset interface {
	// Update reads the keys, has change make others of them, and keeps those, all in one step: of concurrent callers, in this process or in
	// another, each sees what the one before it kept. Whoever reads meanwhile, and whoever looks after this process was killed, finds the
	// old keys or the new ones, whole.
	//
	// change is called at most once, with nil where no keyset exists yet. It returns the keys to keep; where they are the same as before,
	// or nil, nothing is written. It must not call Update.
	//
	// It fails with change's error, as it is. Any other error says why keys could not be read or kept, and holds no material; then the
	// keys are the old ones, unless the error says otherwise. What cannot be read is never written over. It waits for other callers within a
	// bound that it names, and no longer than ctx lasts. It is safe for concurrent use.
	Update(ctx context.Context, change func(*keys.Keyring) (*keys.Keyring, error)) error
}
