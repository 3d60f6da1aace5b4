package token

import (
	"strings"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/strict"
)

// signCompact returns payload "." signature, where the signature is over the ASCII bytes of the
// first segment.
func (s *scratch) signCompact(claims session.Claims, key keys.Key) string {
	s.plain = appendPayload(s.plain[:0], claims, false)
	s.text = strict.AppendBase64(s.text[:0], s.plain)
	return s.signed(key)
}

// splitCompact makes checks 2 to 5 for the compact form.
func (s *scratch) splitCompact(text string) (parts, error) {
	first, second, _ := strings.Cut(text, ".")
	payload, err := decode(&s.plain, first)
	if err != nil {
		return parts{}, err
	}
	signature, err := decode(&s.signature, second)
	if err != nil {
		return parts{}, err
	}
	if !keys.FormCompact.AllowsSignature(len(signature)) {
		return parts{}, reject(ReasonSignatureLength)
	}
	document, err := readObject(s.claims[:], payload)
	if err != nil {
		return parts{}, err
	}
	return parts{form: keys.FormCompact, payload: document, signed: first,
		signature: signature}, nil
}
