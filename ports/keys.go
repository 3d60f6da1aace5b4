package ports

import (
	"context"

	"github.com/offload/sessiond/domain/keys"
)

// KeySource provides the keys in force.
type KeySource interface {
	// Keyring returns the keyring in force now. It returns at once, never returns nil, and is safe
	// for concurrent use. A caller that reads several things from a keyring calls it once, so that
	// they agree.
	Keyring() *keys.Keyring
}

// KeyRefresher is a KeySource whose keys come from outside the process, such as from a file, and
// may have changed there.
type KeyRefresher interface {
	KeySource
	// Refresh requests that the keys be read again. It returns at once, before they are read, and
	// is safe for concurrent use. The implementation limits how often it reads, so callers need
	// not.
	Refresh()
}

// RefreshKeys calls Refresh if source is a KeyRefresher. Callers use it for a token whose key is
// unknown: another replica may have the key already.
func RefreshKeys(source KeySource) {
	if refresher, ok := source.(KeyRefresher); ok {
		refresher.Refresh()
	}
}

// Keyset stores keys and changes them.
type Keyset interface {
	// Update reads the keys, passes them to change, and stores the result, all in one step: of
	// concurrent callers, in this process or in another, each sees what the one before it stored. A
	// reader finds either the old keys or the new ones, complete, even while Update runs or after
	// the process was killed.
	//
	// change is called at most once, with nil if no keyset exists yet. It returns the keys to
	// store; if they are the same as before, or nil, nothing is written. It must not call Update.
	//
	// Update returns the error of change unmodified. Any other error reports why keys could not be
	// read or stored, and contains no key material; the old keys are then unchanged, unless the
	// error states otherwise. A keyset that cannot be read is never overwritten. Update waits for
	// other callers within a bound that the implementation documents, and not after ctx is done. It
	// is safe for concurrent use.
	Update(ctx context.Context, change func(*keys.Keyring) (*keys.Keyring, error)) error
}
