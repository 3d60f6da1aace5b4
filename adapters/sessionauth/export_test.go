package sessionauth

import (
	"context"

	"github.com/offload/sessiond/domain/keys"
)

// Ring is what is in force.
func Ring(k Keys) *keys.Ring { return k.ring() }

// After is what is in force once more was done to find a key that is not in ring.
func After(ctx context.Context, k Keys, ring *keys.Ring) *keys.Ring {
	newer, _ := k.after(ctx, ring)
	return newer
}
