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
	return s.finish(key)
}

// splitCompact makes checks 2 to 5 for the compact form.
func (s *scratch) splitCompact(text string) error {
	first, second, _ := strings.Cut(text, ".")
	if first == "" || second == "" {
		return reject(ReasonSegments)
	}
	if err := s.decode(first, second); err != nil {
		return err
	}
	if !keys.FormCompact.AllowsSignature(len(s.signature)) {
		return reject(ReasonSignatureLength)
	}
	if err := s.readPayload(); err != nil {
		return err
	}
	s.form, s.algorithm, s.signed = keys.FormCompact, "", first
	return nil
}
