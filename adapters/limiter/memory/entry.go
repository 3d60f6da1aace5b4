package memory

import "github.com/offload/sessiond/domain/throttle"

// cell is one subject with its last grant: 40 bytes. Earlier grants that still count are in a ring.
type cell struct {
	subject    throttle.Subject
	last       [1]throttle.Instant // an array, so that it can be shown as a slice
	prev, next ref                 // in its lane
	ring       ref
	lane       uint16
	live       bool
}
