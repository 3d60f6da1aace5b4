package token

import "sync"

// scratch is memory for one token. Nothing that is returned to callers may refer to it.
type scratch struct {
	plain     []byte // a header or a payload, not encoded
	text      []byte // the token, or what its signature covers
	signature []byte
	head      head // of the last token that was signed
}

// scratches saves all allocations but that of the result and the install id: BenchmarkSign,
// BenchmarkVerify.
var scratches = sync.Pool{New: func() any { return &scratch{} }}
