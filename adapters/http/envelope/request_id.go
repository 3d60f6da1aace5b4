package envelope

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"

	"github.com/offload/sessiond/domain/strict"
)

// maxRequestID is the maximum length of a request id in characters.
const maxRequestID = 128

// requestID returns the client's request id if it was sent once and is safe to show, and a new one
// otherwise.
func requestID(header http.Header) string {
	if given := header[HeaderRequestID]; len(given) == 1 &&
		strict.Plain(given[0], maxRequestID) {
		return given[0]
	}
	return newID()
}

// newID returns a random UUID. It is no secret, so it comes from the random numbers of the runtime
// (ChaCha8, seeded by the system), without a call to the system.
func newID() string {
	var random [16]byte
	binary.LittleEndian.PutUint64(random[:8], rand.Uint64())
	binary.LittleEndian.PutUint64(random[8:], rand.Uint64())
	return UUID(random)
}

// UUID returns random bytes as a UUID of version 4 (RFC 9562 §5.4).
func UUID(id [16]byte) string {
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	var text [36]byte
	at := 0
	for i, part := range [][]byte{id[:4], id[4:6], id[6:8], id[8:10], id[10:]} {
		if i > 0 {
			text[at] = '-'
			at++
		}
		at += hex.Encode(text[at:], part)
	}
	return string(text[:])
}
