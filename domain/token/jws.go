package token

import (
	"strings"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/strict"
)

// The members of the header (RFC 7515 §4.1) and their values.
const (
	headerAlgorithm = "alg"
	headerKeyID     = "kid"
	headerType      = "typ"
	typeJWT         = "JWT"
)

// headerCount is the number of members of the header.
const headerCount = 3

// signJWS returns a JWS in compact serialization (RFC 7515 §7.1): header "." payload "."
// signature, signed over the first two segments.
func (s *scratch) signJWS(claims session.Claims, key keys.Key) string {
	s.plain = appendHeader(s.plain[:0], key.Algorithm(), claims.KeyID)
	s.text = append(strict.AppendBase64(s.text[:0], s.plain), '.')
	s.plain = appendPayload(s.plain[:0], claims, true)
	s.text = strict.AppendBase64(s.text, s.plain)
	return s.signed(key)
}

func appendHeader(to []byte, algorithm keys.Algorithm, kid keys.ID) []byte {
	to = strict.AppendString(append(to, `{"alg":`...), string(algorithm))
	to = strict.AppendString(append(to, `,"kid":`...), string(kid))
	return append(strict.AppendString(append(to, `,"typ":`...), typeJWT), '}')
}

// splitJWS makes checks 3 to 6 for a JWS.
func (s *scratch) splitJWS(text string) (parts, error) {
	first, rest, _ := strings.Cut(text, ".")
	second, third, _ := strings.Cut(rest, ".")
	decodedHeader, err := decode(&s.plain, first)
	if err != nil {
		return parts{}, err
	}
	payload, err := decode(&s.text, second) // s.text is not needed before check 8
	if err != nil {
		return parts{}, err
	}
	signature, err := decode(&s.signature, third)
	if err != nil {
		return parts{}, err
	}
	if !keys.FormJWS.AllowsSignature(len(signature)) {
		return parts{}, reject(ReasonSignatureLength)
	}
	document, err := readObject(s.claims[:], payload)
	if err != nil {
		return parts{}, err
	}
	header, err := readObject(s.header[:], decodedHeader)
	if err != nil {
		return parts{}, err
	}
	algorithm, ok := readHeader(header, document)
	if !ok {
		return parts{}, reject(ReasonHeader)
	}
	if len(signature) != algorithm.SignatureSize() {
		return parts{}, reject(ReasonSignatureLength)
	}
	return parts{form: keys.FormJWS, algorithm: algorithm, payload: document,
		signed: text[:len(first)+1+len(second)], signature: signature}, nil
}

// readHeader makes check 6, and returns the algorithm that the header names: any that signs JWS. A
// header with any member that Sign does not write is rejected: crit, jwk, x5u and the like are how
// a token would choose its own key.
func readHeader(header, payload strict.Document) (algorithm keys.Algorithm, ok bool) {
	claim, _ := payload.Member(claimKeyID)
	kid, isText := claim.Text()
	hasKeyID := false
	for _, member := range header.Members() {
		text, ok := member.Value.Text()
		if !ok {
			return "", false
		}
		switch {
		case member.Name == headerAlgorithm && keys.Algorithm(text).Form() == keys.FormJWS:
			algorithm = keys.Algorithm(text)
		case member.Name == headerKeyID && isText && text == kid:
			hasKeyID = true
		case member.Name == headerType && text == typeJWT:
		default:
			return "", false
		}
	}
	return algorithm, algorithm != "" && hasKeyID
}
