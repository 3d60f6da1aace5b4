package memory

import "github.com/offload/sessiond/domain/throttle"

// cell holds one entry, which is a subject with its last grant, in 40 bytes. Earlier grants that
// still count are in a ring buffer.
type cell struct {
	subject    throttle.Subject
	last       [1]throttle.Instant // an array, so that grants can return it as a slice
	prev, next ref                 // in its lane
	buffer     ref                 // its ring buffer; none if only the last grant counts
	lane       uint16
	live       bool
}
