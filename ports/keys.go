package ports

import "github.com/offload/sessiond/domain/keys"

// KeySource tells which keys are in force.
type KeySource interface {
	// Ring is the ring in force now. It returns at once, never nil, and is safe for concurrent use. Who reads two
	// things of a ring calls it once.
	Ring() *keys.Ring
}
