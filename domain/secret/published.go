package secret

import (
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
	"sync"

	"github.com/offload/sessiond/domain/strict"
)

// knownSecrets is the list of digests of published signing secrets; the comment at the top of the
// file names the sources.
//
//go:embed known_secrets.txt
var knownSecrets string

// publishedScalars lists, in the same form, P-256 private keys that are publicly known: those of
// RFC 6979 A.2.5, RFC 7515 A.3 and RFC 7517 A.2, jwt.io's, and the scalar 1, whose public key is
// the base point.
const publishedScalars = `
b70385660302dca8
cfcef6cfb631f2a3
43e4b74131385aec
5aea75451f8107db
ec4916dd28fc4c10
`

// known returns the first 8 bytes of the digests of published secrets, sorted.
var known = sync.OnceValue(func() []uint64 {
	var digests []uint64
	for _, line := range entries(knownSecrets + publishedScalars) {
		digest, err := hex.DecodeString(line)
		if err != nil || len(digest) != 8 {
			panic("secret: known_secrets.txt has an entry that is not 8 bytes in hex")
		}
		digests = append(digests, binary.BigEndian.Uint64(digest))
	}
	slices.Sort(digests)
	return digests
})

// isPublished reports whether material is on the embedded list, on that of the operator, or the
// digest of a listed word.
func (p Policy) isPublished(material []byte) bool {
	if p.isDenied(material) {
		return true
	}
	digest := sha256.Sum256(material)
	_, found := slices.BinarySearch(known(), binary.BigEndian.Uint64(digest[:8]))
	return found || isWordDigest(material)
}

// isDenied reports whether material is on the list of the operator: as it is, or in the form that
// it has in a JWK (RFC 7517), from where an operator copies it.
func (p Policy) isDenied(material []byte) bool {
	if len(p.denied) == 0 {
		return false
	}
	for _, form := range [...][]byte{material, strict.AppendBase64(nil, material)} {
		if _, denied := p.denied[sha256.Sum256(form)]; denied {
			return true
		}
	}
	return false
}

// entries returns the lines of an embedded list without comments, blank lines and surrounding white
// space.
func entries(list string) []string {
	var found []string
	for line := range strings.Lines(list) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			found = append(found, line)
		}
	}
	return found
}
