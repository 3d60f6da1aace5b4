package keys

import (
	"errors"
	"slices"

	"github.com/offload/sessiond/domain/strict"
)

// Public is a public key apart from any keyring, such as that of a device. It has no id and no
// plan: the caller decides whether and when to trust it. The zero value is not a key: verifying
// with it is a bug and panics.
type Public struct {
	algorithm algorithm
	material  *material // by pointer as in Key: the thumbprint of a device key identifies the device
	prepared  *prepared
}

// The errors of ReadPublic.
var (
	// ErrPrivatePart is returned for a JWK that has a private part, or a symmetric key.
	ErrPrivatePart = errors.New("has a private part")
	// ErrNotPublic is returned for a JWK that is not a public key of the algorithm.
	ErrNotPublic = errors.New("is not a public key of the algorithm")
)

// ParsePublicAlgorithm returns the algorithm that text names, by its name or by an alias; ok is
// false if there is none, or if its keys have no public part.
func ParsePublicAlgorithm(text string) (a Algorithm, ok bool) {
	for _, row := range table {
		if row.name() == Algorithm(text) || slices.Contains(row.aliases(), text) {
			return row.name(), row.name().Published()
		}
	}
	return "", false
}

// NewPublic returns the key of algorithm a with that public part. ok is false if public is not a
// public key of a, such as a point that is not on the curve or a point of small order, or if keys
// of a have no public part. An unknown algorithm is a bug and panics.
func NewPublic(a Algorithm, public []byte) (p Public, ok bool) {
	row := a.mustRow()
	if len(row.publicMembers()) == 0 {
		return Public{}, false
	}
	held, ok := row.fromPublic(public)
	if !ok {
		return Public{}, false
	}
	ready := row.prepare(held)
	return Public{algorithm: row, material: &held, prepared: &ready}, true
}

// ReadPublic reads a JWK (RFC 7517 §4) that a client sent as its public key of algorithm a. The
// members that the algorithm requires must be valid, and use, if it is given, must be sig; any
// other member is ignored. The caller has checked that no name is repeated in jwk.
//
// It fails with ErrPrivatePart if jwk has the private member of any algorithm, whatever its value,
// and otherwise with ErrNotPublic. An unknown algorithm is a bug and panics.
func ReadPublic(a Algorithm, jwk string) (Public, error) {
	row := a.mustRow()
	document, err := strict.Parse(jwk)
	if err != nil {
		return Public{}, ErrNotPublic
	}
	for _, other := range table {
		if _, has := document.Member(other.privateMember().name); has {
			return Public{}, ErrPrivatePart
		}
	}
	r := keyReader{index: -1, item: document.Value}
	if kty, _ := r.text(memberType); kty != row.keyType() || !r.hasCurve(row) {
		return Public{}, ErrNotPublic
	}
	if use, given := r.text(memberUse); given && use != useSignature {
		return Public{}, ErrNotPublic
	}
	public := make([]byte, 0, 64) // enough for two coordinates of P-256
	for _, member := range row.publicMembers() {
		public = append(public, r.bytes(member)...)
	}
	key, ok := NewPublic(a, public)
	if !ok || r.faults != nil {
		return Public{}, ErrNotPublic
	}
	return key, nil
}

// Verify reports whether signature is a signature of message under the key. It accepts each of
// several signatures that are equally valid, such as those with the two values of s in ECDSA: the
// hardware of devices makes both. A signature therefore does not identify a message.
func (p Public) Verify(message, signature []byte) bool {
	return (*p.prepared).verify(message, signature)
}

// String returns a name without the key.
func (Public) String() string { return "[public key]" }

// GoString returns a name without the key.
func (Public) GoString() string { return "[public key]" }
