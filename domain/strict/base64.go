package strict

import (
	"encoding/base64"
	"errors"
	"strings"
)

// ErrBase64 is returned for text that is not strict base64url.
var ErrBase64 = errors.New("not strict base64url")

var base64url = base64.RawURLEncoding.Strict()

// DecodeBase64 decodes base64url without padding (RFC 4648 §5, §3.2). It refuses every variation
// that would give the same data a second text: padding, white space, the standard alphabet, and
// nonzero unused trailing bits. Its error is ErrBase64.
func DecodeBase64(text string) ([]byte, error) { return AppendDecodedBase64([]byte{}, text) }

// AppendDecodedBase64 appends what DecodeBase64 decodes text to. It returns nil if it fails.
func AppendDecodedBase64(to []byte, text string) ([]byte, error) {
	// encoding/base64 ignores line breaks anywhere in the text.
	if strings.IndexByte(text, '\r') >= 0 || strings.IndexByte(text, '\n') >= 0 {
		return nil, ErrBase64
	}
	decoded, err := base64url.AppendDecode(to, []byte(text))
	if err != nil {
		return nil, ErrBase64
	}
	return decoded, nil
}

// EncodeBase64 returns the only text that DecodeBase64 decodes to data.
func EncodeBase64(data []byte) string { return base64url.EncodeToString(data) }

// AppendBase64 appends the result of EncodeBase64 for data.
func AppendBase64(to, data []byte) []byte { return base64url.AppendEncode(to, data) }
