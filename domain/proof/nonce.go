package proof

import (
	"crypto/subtle"
	"strconv"
	"time"

	"github.com/offload/sessiond/domain/mac"
	"github.com/offload/sessiond/domain/strict"
)

// NonceStep is how long Nonces.At returns the same nonce. Steps begin at multiples of NonceStep in
// Unix time, so that replicas agree.
const NonceStep = 60 * time.Second

// The steps whose nonces are accepted, relative to the present one. That of the next step is
// accepted because the clocks of replicas differ. A nonce is accepted for as long as these steps
// last together.
const (
	firstStep = -2
	lastStep  = 1
)

// nonceSize is the length of a nonce in bytes: enough that none can be guessed.
const nonceSize = 16

// purposeNonce is the info of RFC 5869 with which the key of nonces is derived.
const purposeNonce = "sessiond proof nonce v1"

// Acceptor decides which nonces are accepted. Nonces implements it.
type Acceptor interface {
	// Accepts reports whether a proof with that nonce was made recently enough at now, whatever
	// time the proof states.
	Accepts(nonce string, now time.Time) bool
}

// Nonces computes nonces for clients with wrong clocks: a proof with a recent nonce was made
// recently. A nonce depends on the time and a key alone, so nothing is stored, and replicas with
// the same key accept each other's. The zero value accepts no nonce, and At returns "".
type Nonces struct{ key *mac.Key } // nil in the zero value

// NewNonces returns the Nonces for a secret that replicas share, such as the digest key of the
// limiter. Their key is derived from it for this purpose alone.
func NewNonces(secret []byte) Nonces {
	key := mac.Derive(secret, purposeNonce)
	return Nonces{key: &key}
}

// At returns the nonce to send to a client at now.
func (n Nonces) At(now time.Time) string {
	if n.key == nil {
		return ""
	}
	return n.of(stepOf(now))
}

// Accepts implements Acceptor. Its running time does not depend on where nonce is wrong.
func (n Nonces) Accepts(nonce string, now time.Time) bool {
	if n.key == nil {
		return false
	}
	present, accepted := stepOf(now), 0
	for step := present + firstStep; step <= present+lastStep; step++ {
		accepted |= subtle.ConstantTimeCompare([]byte(nonce), []byte(n.of(step)))
	}
	return accepted == 1
}

// of returns the nonce of a step.
func (n Nonces) of(step int64) string {
	digest := n.key.Of(strconv.FormatInt(step, 10))
	return strict.EncodeBase64(digest[:nonceSize])
}

// stepOf returns the number of the step that now is in.
func stepOf(now time.Time) int64 { return now.Unix() / int64(NonceStep/time.Second) }

// String implements fmt.Stringer. It does not reveal the key.
func (Nonces) String() string { return "nonces" }

// GoString implements fmt.GoStringer. It does not reveal the key.
func (Nonces) GoString() string { return "nonces" }
