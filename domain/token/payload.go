package token

import (
	"strconv"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/strict"
)

// Sign encodes and signs claims with key, in the form of the key's algorithm. claims.KeyID must be
// the id of key. A key without an algorithm, or one whose form is not known here, is a bug and
// panics.
func Sign(claims session.Claims, key keys.Key) string {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	switch key.Form() {
	case keys.FormCompact:
		return s.signCompact(&claims, key)
	case keys.FormJWS:
		return s.signJWS(&claims, key)
	}
	panic("token: the key's algorithm has no form")
}

// finish returns s.text "." signature, where the signature is over s.text.
func (s *scratch) finish(key keys.Key) string {
	s.signature = key.AppendSignature(s.signature[:0], s.text)
	s.text = append(s.text, '.')
	s.text = strict.AppendBase64(s.text, s.signature)
	return string(s.text)
}

// appendPayload appends the claims to s.text in the order of the contract, without white space, in
// base64url. A subject, equal to the install id, is added for verifiers that know only registered
// claims; this package ignores it. The key of a bound session comes last.
func (s *scratch) appendPayload(c *session.Claims, subject bool) {
	s.head.set(c)
	s.text = append(s.text, s.head.text...)
	p := s.plain[:0]
	p = append(p, s.head.plain[s.head.rest:]...)
	p = strict.AppendString(append(p, `,"install_id":`...), c.InstallID.Text())
	p = strconv.AppendInt(append(p, `,"exp":`...), int64(c.ExpiresAt), 10)
	if subject {
		p = strict.AppendString(append(p, `,"sub":`...), c.InstallID.Text())
	}
	if c.Bound {
		p = append(append(p, `,"cnf":{"`...), confirmationThumbprint...)
		p = append(strict.AppendString(append(p, `":`...), c.InstallID.Text()), '}')
	}
	p = append(p, '}')
	s.plain = p
	s.text = strict.AppendBase64(s.text, s.plain)
}

// decode makes check 3 for the segments that both forms have. The payload remains in the scratch.
func (p *parts) decode(payload, signature string, s *scratch) (err error) {
	if s.plain, err = strict.AppendDecodedBase64(s.plain[:0], payload); err != nil {
		return reject(ReasonEncoding)
	}
	if s.signature, err = strict.AppendDecodedBase64(s.signature[:0], signature); err != nil {
		return reject(ReasonEncoding)
	}
	p.signature = s.signature
	return nil
}

// readPayload makes check 5 for the payload.
func (p *parts) readPayload(s *scratch) error {
	document, err := claimFields.Parse(string(s.plain), p.claims[:])
	if err != nil || document.Kind() != strict.Object || document.Repeated > 0 {
		return reject(ReasonJSON)
	}
	return nil
}
