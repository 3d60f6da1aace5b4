package token

import (
	"strconv"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/strict"
)

// head is the part at the beginning of a payload that is the same for all tokens that one key signs
// within a second. Under load it can nearly always be reused; see BenchmarkSign.
type head struct {
	of    headClaims
	plain []byte
	text  []byte // base64url of all groups of three bytes in plain
	rest  int    // index in plain of the bytes after the last whole group
}

// headClaims are the claims in a head.
type headClaims struct {
	bound               bool
	keyID               keys.ID
	issuedAt, notBefore session.Unix
	issuer, audience    string
}

// set makes h the head for claims.
func (h *head) set(c *session.Claims) {
	of := headClaims{bound: c.Bound, keyID: c.KeyID, issuedAt: c.IssuedAt, notBefore: c.NotBefore,
		issuer: c.Issuer, audience: c.Audience}
	if h.of == of && len(h.plain) > 0 {
		return
	}
	version := session.Version
	if c.Bound {
		version = session.BoundVersion
	}
	p := strconv.AppendInt(append(h.plain[:0], `{"v":`...), int64(version), 10)
	p = strict.AppendString(append(p, `,"kid":`...), string(c.KeyID))
	p = strconv.AppendInt(append(p, `,"iat":`...), int64(c.IssuedAt), 10)
	p = strconv.AppendInt(append(p, `,"nbf":`...), int64(c.NotBefore), 10)
	p = strict.AppendString(append(p, `,"iss":`...), c.Issuer)
	p = strict.AppendString(append(p, `,"aud":`...), c.Audience)
	h.of, h.plain, h.rest = of, p, len(p)-len(p)%3
	h.text = strict.AppendBase64(h.text[:0], p[:h.rest])
}
