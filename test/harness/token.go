package harness

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
)

// ForgeToken returns a token in the compact format with that payload, signed with secret. It does
// not use the code under test.
func ForgeToken(payload, secret string) string {
	segment := base64.RawURLEncoding.EncodeToString([]byte(payload))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(segment))
	return segment + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// PayloadOf returns the payload of a token in the compact format, which must be well-formed.
func PayloadOf(t testing.TB, token string) string {
	t.Helper()
	segment, _, _ := strings.Cut(token, ".")
	payload, err := base64.RawURLEncoding.DecodeString(segment)
	require.NoError(t, err, "the payload of %s", token)
	return string(payload)
}

// Stamp is what a token says about its signature.
type Stamp struct {
	Kid       keys.ID
	Iat       int64
	Algorithm keys.Algorithm `json:"-"`
}

// ReadStamp reads a token in either format. It only checks that a JWS has the expected header.
func ReadStamp(token string) (Stamp, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 2 && len(parts) != 3 {
		return Stamp{}, fmt.Errorf("a token of %d parts", len(parts))
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[len(parts)-2])
	if err != nil {
		return Stamp{}, err
	}
	read := Stamp{Algorithm: keys.HS256}
	if err := json.Unmarshal(payload, &read); err != nil || len(parts) == 2 {
		return read, err
	}
	for _, read.Algorithm = range []keys.Algorithm{keys.EdDSA, keys.ES256} {
		header := `{"alg":"` + string(read.Algorithm) + `","kid":"` + string(read.Kid) + `","typ":"JWT"}`
		if parts[0] == base64.RawURLEncoding.EncodeToString([]byte(header)) {
			return read, nil
		}
	}
	return Stamp{}, fmt.Errorf("a header of %s", parts[0])
}

// StampOf returns the stamp of a token, which must be well-formed.
func StampOf(t testing.TB, token string) Stamp {
	t.Helper()
	read, err := ReadStamp(token)
	require.NoError(t, err)
	return read
}
