package token

import (
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

// signJWS returns a JWS in compact serialization (RFC 7515 §7.1): header "." payload "."
// signature, signed over the first two segments.
func (s *scratch) signJWS(claims *session.Claims, key keys.Key) string {
	s.plain = appendHeader(s.plain[:0], key.Algorithm(), claims.KeyID)
	s.text = append(strict.AppendBase64(s.text[:0], s.plain), '.')
	s.appendPayload(claims, true)
	return s.finish(key)
}

func appendHeader(to []byte, algorithm keys.Algorithm, kid keys.ID) []byte {
	to = strict.AppendString(append(to, `{"alg":`...), string(algorithm))
	to = strict.AppendString(append(to, `,"kid":`...), string(kid))
	return append(strict.AppendString(append(to, `,"typ":`...), typeJWT), '}')
}

// splitJWS makes checks 3 to 6 for a JWS.
func (p *parts) splitJWS(first, second, third string, s *scratch) error {
	header, err := strict.DecodeBase64(first)
	if err != nil {
		return reject(ReasonEncoding)
	}
	if err := p.decode(second, third, s); err != nil {
		return err
	}
	if !keys.FormJWS.AllowsSignature(len(p.signature)) {
		return reject(ReasonSignatureLength)
	}
	if err := p.readPayload(s); err != nil {
		return err
	}
	algorithm, err := p.readHeader(string(header))
	if err != nil {
		return err
	}
	if len(p.signature) != algorithm.SignatureSize() {
		return reject(ReasonSignatureLength)
	}
	p.form, p.algorithm = keys.FormJWS, algorithm
	return nil
}

// readHeader makes checks 5 and 6, and returns the algorithm that the header names: any that signs
// JWS. A header with any member that Sign does not write is rejected: crit, jwk, x5u and the like
// are how a token would choose its own key.
func (p *parts) readHeader(text string) (algorithm keys.Algorithm, err error) {
	header, err := strict.Parse(text)
	if err != nil || header.Kind() != strict.Object || header.Repeated > 0 {
		return "", reject(ReasonJSON)
	}
	kid, isText := p.claims[claimKeyID].Text()
	hasKeyID := false
	for _, member := range header.Members() {
		text, ok := member.Value.Text()
		switch {
		case !ok:
			return "", reject(ReasonHeader)
		case member.Name == headerAlgorithm && keys.Algorithm(text).Form() == keys.FormJWS:
			algorithm = keys.Algorithm(text)
		case member.Name == headerKeyID && isText && text == kid:
			hasKeyID = true
		case member.Name == headerType && text == typeJWT:
		default:
			return "", reject(ReasonHeader)
		}
	}
	if algorithm == "" || !hasKeyID {
		return "", reject(ReasonHeader)
	}
	return algorithm, nil
}
