package memory

import "github.com/offload/sessiond/domain/throttle"

// cell holds one entry, which is a subject with its last grant, in 32 bytes: two fill a cache line,
// and none lies in two. Earlier grants that still count are in a ring buffer.
type cell struct {
	subject throttle.Subject
	last    [1]throttle.Instant // an array, so that grants can return it as a slice
	place   position            // in the order of its lane
	buffer  ref                 // its ring buffer; none if only the last grant counts
}
