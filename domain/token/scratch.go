package token

import "sync"

// scratch is memory for one token. Nothing that is returned may refer to it.
type scratch struct {
	plain     []byte // the payload, before it is encoded
	text      []byte // the token
	signature []byte
}

// scratches saves all allocations but that of the result: BenchmarkSign.
var scratches = sync.Pool{New: func() any { return &scratch{} }}
