package keys

import (
	"strings"
	"time"
)

// Algorithm is the JOSE name of the algorithm that a key is made for (RFC 7518 §3.1, RFC 8037
// §3.1). Flags, reports and the headers of tokens use the same name.
type Algorithm string

// The algorithms.
const (
	// HS256 is HMAC-SHA256 with a symmetric key.
	HS256 Algorithm = "HS256"
	// EdDSA is Ed25519. RFC 9864 renames it; deployed verifiers still read this name.
	EdDSA Algorithm = "EdDSA"
	// ES256 is ECDSA with P-256 and SHA-256, for verifiers that do not know EdDSA.
	ES256 Algorithm = "ES256"
)

// DefaultAlgorithm is the algorithm of a new key if no key signs, unless another is named.
const DefaultAlgorithm = HS256

// table lists the algorithms, one row for each, in the order in which they are listed to people.
var table = []algorithm{hs256{}, edDSA{}, es256{}}

// algorithm is a row of the table: all that distinguishes one algorithm from the others. It is an
// interface, so that a row that lacks something does not compile. No two rows have the same name,
// ID prefix or key type.
type algorithm interface {
	name() Algorithm
	// idPrefix returns the first characters of an ID that is generated for a new key.
	idPrefix() string
	// form returns the form of the tokens. It is FormJWS if keys have a public part.
	form() Form

	// signatureSize returns the exact length of a signature, in bytes.
	signatureSize() int
	// prepare returns what signs and verifies with m.
	prepare(m material) prepared
	// canonical reports whether signature has the one form that keys of this service accept, so
	// that a token has one text. It is always true for algorithms whose signatures have a single
	// form.
	canonical(signature []byte) bool

	// generate returns the material of a new key, made of bytes that random returns.
	generate(random func(size int) []byte) material
	// fromPrivate returns the material of the key with that private part; ok is false if private is
	// not a private part.
	fromPrivate(private []byte) (m material, ok bool)
	// fromPublic returns the material of the key with that public part, which only verifies; ok is
	// false if public is not a public part that may be trusted.
	fromPublic(public []byte) (m material, ok bool)
	// private returns the private part; ok is false if the key only verifies.
	private(m material) (part material, ok bool)
	// public returns the public part: the values of the JWK's public members, concatenated; "" if
	// keys have no public part.
	public(m material) material
	// secretChosen reports whether people may choose the private part, such as a passphrase.
	secretChosen() bool

	// signAfter returns how long a new key waits before it signs, unless another wait is given.
	signAfter() time.Duration
	// minSignAfter returns the shortest wait that need not be forced; 0 if there is none.
	minSignAfter() time.Duration

	// keyType returns the JWK's kty, and curve its crv; curve is "" if keys have no such member.
	keyType() string
	curve() string
	// aliases returns further names that are read as the JWK's alg.
	aliases() []string
	// publicMembers and privateMember return the members that hold the material.
	publicMembers() []byteMember
	privateMember() byteMember
}

// prepared is material in the form that signing and verifying need, made once for each key. Values
// prepared from equal material are deeply equal, so that tests can compare keys.
type prepared interface {
	// appendSignature appends the signature of message. It panics if there is no private part.
	appendSignature(to, message []byte) []byte
	// verify reports whether signature is a signature of message, canonical or not. It accepts no
	// other length than signatureSize, and its time depends on nothing secret.
	verify(message, signature []byte) bool
}

// The waits of new keys whose public part other services read. publishedSignAfter is long because
// gateways and clouds cache a published set for hours, whatever its max-age says.
// publishedMinSignAfter is twice the max-age.
const (
	publishedSignAfter    = 24 * time.Hour
	publishedMinSignAfter = 600 * time.Second
)

// byteMember is a member of a JWK that holds bytes in base64url. size is the exact number of bytes;
// 0 allows any number above zero.
type byteMember struct {
	name string
	size int
}

// Form is a way to encode tokens. Package token implements the forms. The zero value is not a form.
type Form uint8

// The forms.
const (
	// FormCompact is payload "." signature. It does not name its algorithm.
	FormCompact Form = iota + 1
	// FormJWS is a JWS in compact serialization (RFC 7515 §7.1), whose header names the algorithm.
	FormJWS
)

// AllowsSignature reports whether an algorithm of the form has signatures of size bytes.
func (f Form) AllowsSignature(size int) bool {
	for _, row := range table {
		if row.form() == f && row.signatureSize() == size {
			return true
		}
	}
	return false
}

// Algorithms returns every algorithm.
func Algorithms() []Algorithm {
	all := make([]Algorithm, 0, len(table))
	for _, row := range table {
		all = append(all, row.name())
	}
	return all
}

// ParseAlgorithm parses text as the name of an algorithm; ok is false if no algorithm has that
// name.
func ParseAlgorithm(text string) (a Algorithm, ok bool) {
	a = Algorithm(text)
	if _, ok = a.row(); !ok {
		return "", false
	}
	return a, true
}

// row returns the algorithm's row of the table.
func (a Algorithm) row() (row algorithm, ok bool) {
	for _, row := range table {
		if row.name() == a {
			return row, true
		}
	}
	return nil, false
}

// mustRow returns the algorithm's row. An unknown algorithm is a bug and panics.
func (a Algorithm) mustRow() algorithm {
	row, ok := a.row()
	if !ok {
		panic("keys: unknown algorithm")
	}
	return row
}

// Form returns the form of the algorithm's tokens; 0 if a is unknown.
func (a Algorithm) Form() Form {
	row, ok := a.row()
	if !ok {
		return 0
	}
	return row.form()
}

// Published reports whether keys have a public part, with which services elsewhere verify. It
// panics if a is unknown.
func (a Algorithm) Published() bool { return len(a.mustRow().publicMembers()) > 0 }

// SignatureSize returns the exact length of a signature under a, in bytes; 0 if a is unknown.
func (a Algorithm) SignatureSize() int {
	row, ok := a.row()
	if !ok {
		return 0
	}
	return row.signatureSize()
}

// IDPrefix returns the first characters of an ID that is generated for a new key. It panics if a is
// unknown.
func (a Algorithm) IDPrefix() string { return a.mustRow().idPrefix() }

// SignAfter returns how long a new key waits before it signs, unless another wait is given. It
// panics if a is unknown.
func (a Algorithm) SignAfter() time.Duration { return a.mustRow().signAfter() }

// MinSignAfter returns the shortest wait of a new key that is not forced; 0 if there is none. It
// panics if a is unknown.
func (a Algorithm) MinSignAfter() time.Duration { return a.mustRow().minSignAfter() }

// Either returns names as alternatives in a sentence: "a", "a or b", "a, b or c".
func Either[T ~string](names []T) string {
	var b strings.Builder
	for i, name := range names {
		switch {
		case i == 0:
		case i == len(names)-1:
			b.WriteString(" or ")
		default:
			b.WriteString(", ")
		}
		b.WriteString(string(name))
	}
	return b.String()
}
