package strict

import (
	"encoding/base64"
	"errors"
	"strings"
)

// ErrBase64 is text that is not strict base64url.
var ErrBase64 = errors.New("not strict base64url")

var base64url = base64.RawURLEncoding.Strict()

// DecodeBase64 decodes base64url without padding (RFC 4648 §5, §3.2). It rejects every alternative
// encoding of the same bytes: padding, white space, the other alphabet, and trailing bits that are
// not zero. Its error is ErrBase64.
func DecodeBase64(text string) ([]byte, error) {
	// The library passes over line breaks wherever they stand.
	if strings.ContainsAny(text, "\r\n") {
		return nil, ErrBase64
	}
	decoded, err := base64url.DecodeString(text)
	if err != nil {
		return nil, ErrBase64
	}
	return decoded, nil
}

// EncodeBase64 is the one text that DecodeBase64 takes for data.
func EncodeBase64(data []byte) string { return base64url.EncodeToString(data) }

// AppendBase64 appends what EncodeBase64 makes of data.
func AppendBase64(to, data []byte) []byte { return base64url.AppendEncode(to, data) }
