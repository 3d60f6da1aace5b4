package token

import (
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
)

// signCompact returns payload "." signature, where the signature is over the ASCII bytes of the
// first segment.
func (s *scratch) signCompact(claims *session.Claims, key keys.Key) string {
	s.text = s.text[:0]
	s.appendPayload(claims, false)
	return s.finish(key)
}

// splitCompact makes checks 3 to 5 for the compact form.
func (p *parts) splitCompact(first, second string, s *scratch) error {
	if err := p.decode(first, second, s); err != nil {
		return err
	}
	if !keys.FormCompact.AllowsSignature(len(p.signature)) {
		return reject(ReasonSignatureLength)
	}
	if err := p.readPayload(s); err != nil {
		return err
	}
	p.form, p.algorithm, p.signed = keys.FormCompact, "", first
	return nil
}
