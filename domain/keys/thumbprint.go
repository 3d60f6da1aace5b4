package keys

import (
	"crypto/sha256"
	"slices"
	"strings"

	"github.com/offload/sessiond/domain/strict"
)

// thumbprintLength is the length of the text of a Thumbprint, in characters.
const thumbprintLength = 43

// Thumbprint is the JWK thumbprint of a public key (RFC 7638) with SHA-256, in base64url. It is the
// install id of a session that is bound to the key, and so must not appear in a log, an error or a
// metric. The zero value is the thumbprint of no key.
type Thumbprint struct {
	_ [0]func() // prevents ==, which would compare the pointers: compare Text
	// text is behind a pointer so that no format verb shows it: fmt does not call the String method
	// of a value in an unexported field of another type, but it does not follow a pointer there
	// either.
	text *string
}

// IsThumbprint reports whether text has the form of a thumbprint: 43 characters that are the
// base64url of 32 bytes, with the unused trailing bits zero, so that no other text encodes the same
// bytes. Random identifiers may have the same form.
func IsThumbprint(text string) bool {
	if len(text) != thumbprintLength {
		return false
	}
	var space [sha256.Size]byte // spares the allocation
	_, err := strict.AppendDecodedBase64(space[:0], text)
	return err == nil
}

// Text returns the thumbprint as text; "" for the zero value.
func (t Thumbprint) Text() string {
	if t.text == nil {
		return ""
	}
	return *t.text
}

// String implements fmt.Stringer. It does not reveal the thumbprint.
func (Thumbprint) String() string { return "[thumbprint]" }

// GoString implements fmt.GoStringer. It does not reveal the thumbprint.
func (Thumbprint) GoString() string { return "[thumbprint]" }

// Thumbprint returns the thumbprint of the key.
func (p Public) Thumbprint() Thumbprint {
	digest := sha256.Sum256([]byte(p.JWK()))
	text := strict.EncodeBase64(digest[:])
	return Thumbprint{text: &text}
}

// JWK returns the key as the JWK whose digest is its thumbprint: with the members that the
// algorithm requires and no others (RFC 7638 §3.2), in the order of their names and without white
// space (§3.3), so that a key has one thumbprint, whichever optional members came with it. Like
// the thumbprint, the JWK identifies a device.
func (p Public) JWK() string {
	members := make([]jwkMember, 0, 4) // enough for P-256
	members = appendType(members, p.algorithm)
	members = appendPublic(members, p.algorithm, p.algorithm.public(*p.material))
	slices.SortFunc(members, func(a, b jwkMember) int { return strings.Compare(a.name, b.name) })
	return string(appendObject(make([]byte, 0, 192), members)) // 192: enough for P-256
}
