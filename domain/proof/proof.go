package proof

import (
	"errors"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/strict"
)

// Bounds of a proof.
const (
	// MaxHeader is the maximum length of the header's value, in bytes.
	MaxHeader = 8192
	// MaxID is the maximum length of the id, in code points.
	MaxID = 128
)

// Proof is a proof whose signature has been verified. Presented decides whether it is valid for a
// request. The zero value is not a proof.
type Proof struct {
	key         keys.Thumbprint
	id          string
	method, uri string
	issuedAt    int64 // Unix seconds
	expires     int64 // Unix seconds; math.MaxInt64 if the proof has no exp
	nonce, ath  optional
}

// optional is the value of a claim that may be absent.
type optional struct {
	text  string
	given bool
}

// Key returns the thumbprint of the key that signed the proof.
func (p Proof) Key() keys.Thumbprint { return p.key }

// ReplaySubject returns the text by which a proof is remembered: the thumbprint of the key, and the
// id, which the client must not use twice. The bytes of the proof would not do: from each ECDSA
// signature anyone can compute a second one. The text identifies a device, so storages receive only
// a digest of it.
func (p Proof) ReplaySubject() string { return p.key.Text() + "\x00" + p.id }

// String implements fmt.Stringer. It reveals nothing of the proof.
func (Proof) String() string { return "[proof]" }

// GoString implements fmt.GoStringer. It reveals nothing of the proof.
func (Proof) GoString() string { return "[proof]" }

// Parse reads a proof from the values of the DPoP headers of a request, one for each header line,
// and verifies its signature. It makes the checks from missing to jti, and fails with a *Rejection.
// MaxHeader bounds the work.
func Parse(values []string) (Proof, error) {
	switch {
	case len(values) == 0:
		return Proof{}, reject(ReasonMissing)
	case len(values) > 1:
		return Proof{}, reject(ReasonMultiple)
	case len(values[0]) > MaxHeader:
		return Proof{}, reject(ReasonTooLarge)
	}
	var p parts
	if !p.split(values[0]) {
		return Proof{}, reject(ReasonMalformed)
	}
	key, err := p.readKey()
	if err != nil {
		return Proof{}, err
	}
	if !key.Verify([]byte(p.signed), p.signature) {
		return Proof{}, reject(ReasonSignature)
	}
	return p.readClaims(key)
}

// The members of the header and the claims (RFC 9449 §4.2; exp: RFC 7519 §4.1.4), as indexes of
// headerFields and claimFields. Any other member is ignored.
const (
	headerType = iota
	headerAlgorithm
	headerKey
	headerCritical
	headerCount
)

const (
	claimID = iota
	claimMethod
	claimURI
	claimIssuedAt
	claimExpires
	claimNonce
	claimToken
	claimCount
)

var (
	headerFields = strict.NewFields("typ", "alg", "jwk", "crit")
	claimFields  = strict.NewFields("jti", "htm", "htu", "iat", "exp", "nonce", "ath")
)

// typeProof is the only typ of a proof.
const typeProof = "dpop+jwt"

// parts is a proof split into its parts, with nothing verified yet.
type parts struct {
	header    [headerCount]strict.Found
	claims    [claimCount]strict.Found
	signed    string // the text that the signature covers
	signature []byte
}

// split sets p to the parts of text. It reports whether text is well formed.
func (p *parts) split(text string) bool {
	first, rest, _ := strings.Cut(text, ".")
	second, third, _ := strings.Cut(rest, ".")
	if third == "" { // first and second are refused below if they are empty: they are no JSON
		return false
	}
	var err error
	if p.signature, err = strict.DecodeBase64(third); err != nil {
		return false
	}
	p.signed = text[:len(first)+1+len(second)]
	return readObject(first, headerFields, p.header[:]) &&
		readObject(second, claimFields, p.claims[:])
}

// readObject finds the fields of a JSON object in base64url. It reports whether segment is such an
// object, without a repeated name.
func readObject(segment string, fields *strict.Fields, found []strict.Found) bool {
	text, err := strict.DecodeBase64(segment)
	if err != nil {
		return false
	}
	document, err := fields.Parse(string(text), found)
	return err == nil && document.Kind() == strict.Object && document.Repeated == 0
}

// readKey checks the header, and returns the key in it.
func (p *parts) readKey() (keys.Public, error) {
	if typ, _ := p.header[headerType].Text(); typ != typeProof {
		return keys.Public{}, reject(ReasonType)
	}
	name, _ := p.header[headerAlgorithm].Text()
	algorithm, known := keys.ParsePublicAlgorithm(name)
	if !known {
		return keys.Public{}, reject(ReasonAlgorithm)
	}
	if given(p.header[headerCritical]) { // no extension is known (RFC 7515 §4.1.11)
		return keys.Public{}, reject(ReasonCritical)
	}
	if p.header[headerKey].Kind() != strict.Object {
		return keys.Public{}, reject(ReasonKey)
	}
	key, err := keys.ReadPublic(algorithm, p.header[headerKey].Raw())
	switch {
	case errors.Is(err, keys.ErrPrivatePart):
		return keys.Public{}, reject(ReasonPrivateKey)
	case err != nil:
		return keys.Public{}, reject(ReasonKey)
	}
	return key, nil
}

// readClaims returns the proof that key has signed.
func (p *parts) readClaims(key keys.Public) (Proof, error) {
	id, hasID := p.claims[claimID].Text()
	method, hasMethod := p.claims[claimMethod].Text()
	uri, hasURI := p.claims[claimURI].Text()
	nonce, nonceOK := optionalText(p.claims[claimNonce])
	ath, athOK := optionalText(p.claims[claimToken])
	if !hasID || !hasMethod || !hasURI || !nonceOK || !athOK ||
		p.claims[claimIssuedAt].Kind() != strict.Number {
		return Proof{}, reject(ReasonClaims)
	}
	expires := int64(math.MaxInt64)
	if exp := p.claims[claimExpires]; given(exp) {
		if exp.Kind() != strict.Number {
			return Proof{}, reject(ReasonClaims)
		}
		expires = seconds(exp.Raw())
	}
	if length := utf8.RuneCountInString(id); length < 1 || length > MaxID {
		return Proof{}, reject(ReasonID)
	}
	return Proof{key: key.Thumbprint(), id: id, method: method, uri: uri,
		issuedAt: seconds(p.claims[claimIssuedAt].Raw()), expires: expires,
		nonce: nonce, ath: ath}, nil
}

// given reports whether a field is in its object.
func given(f strict.Found) bool { return f.Raw() != "" }

// optionalText returns the text of a claim that may be absent; ok is false if the claim is not a
// string.
func optionalText(f strict.Found) (value optional, ok bool) {
	if !given(f) {
		return optional{}, true
	}
	text, ok := f.Text()
	return optional{text: text, given: true}, ok
}
