package token

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/strict"
)

// Sign writes claims as text under key: payload "." signature, where the signature is over the ASCII bytes of the first segment. The
// claims' KeyID must be the key's.
func Sign(claims session.Claims, key keys.Key) string {
	text := strict.AppendBase64(make([]byte, 0, 512), payload(claims))
	signature := key.Sign(text)
	text = append(text, '.')
	return string(strict.AppendBase64(text, signature))
}

// payload writes the claims in the contract's order, with no white space.
func payload(c session.Claims) []byte {
	p := make([]byte, 0, 256)
	p = append(p, `{"v":`...)
	p = strconv.AppendInt(p, session.Version, 10)
	p = appendString(append(p, `,"kid":`...), string(c.KeyID))
	p = strconv.AppendInt(append(p, `,"iat":`...), int64(c.IssuedAt), 10)
	p = strconv.AppendInt(append(p, `,"nbf":`...), int64(c.NotBefore), 10)
	p = appendString(append(p, `,"iss":`...), c.Issuer)
	p = appendString(append(p, `,"aud":`...), c.Audience)
	p = appendString(append(p, `,"install_id":`...), c.InstallID.Text())
	p = strconv.AppendInt(append(p, `,"exp":`...), int64(c.ExpiresAt), 10)
	return append(p, '}')
}

// appendString writes text as a JSON string (RFC 8259 §7): only what must be escaped is.
func appendString(to []byte, text string) []byte {
	const hex = "0123456789abcdef"
	to = append(to, '"')
	for _, char := range text {
		switch {
		case char == '"' || char == '\\':
			to = append(to, '\\', byte(char))
		case char < ' ':
			to = append(to, '\\', 'u', '0', '0', hex[char>>4], hex[char&0xf])
		default:
			to = utf8.AppendRune(to, char)
		}
	}
	return append(to, '"')
}

// parts is a token taken apart, with nothing believed yet.
type parts struct {
	signed    string // what the signature is over
	payload   strict.Document
	signature []byte
	algorithm keys.Algorithm // the form's
}

// split makes checks 1 to 5 for the compact form.
func split(text string) (parts, error) {
	if len(text) > MaxLength {
		return parts{}, reject(ReasonTooLong)
	}
	first, second, found := strings.Cut(text, ".")
	if !found || first == "" || second == "" || strings.Contains(second, ".") {
		return parts{}, reject(ReasonSegments)
	}
	payload, err := strict.DecodeBase64(first)
	if err != nil {
		return parts{}, reject(ReasonEncoding)
	}
	signature, err := strict.DecodeBase64(second)
	if err != nil {
		return parts{}, reject(ReasonEncoding)
	}
	if len(signature) != keys.HS256.SignatureSize() {
		return parts{}, reject(ReasonSignatureLength)
	}
	document, err := strict.Read(string(payload))
	if err != nil || document.Kind() != strict.Object || document.Repeated > 0 {
		return parts{}, reject(ReasonJSON)
	}
	return parts{signed: first, payload: document, signature: signature, algorithm: keys.HS256}, nil
}
