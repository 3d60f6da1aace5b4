package token

import "sync"

// scratch is memory for one token. Nothing that is returned to callers may refer to it.
type scratch struct {
	parts
	plain []byte // a header or a payload, not encoded
	text  []byte // the token, or what its signature covers
}

// scratches saves all allocations but that of the result and the install id: BenchmarkSign,
// BenchmarkVerify.
var scratches = sync.Pool{New: func() any { return &scratch{} }}
