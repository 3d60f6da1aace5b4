package api

import (
	"net/http"
	"strings"

	"github.com/offload/sessiond/adapters/http/envelope"
)

// verify describes the session in response headers, for the authentication sub-request of a reverse
// proxy. It accepts any method and any path below its own, and its response has no body.
func (a *API) verify(w http.ResponseWriter, r *http.Request) error {
	claims, err := a.Authentication.Authenticate(r.Context(), a.originalCredentials(r))
	if err != nil {
		return err
	}
	header := w.Header()
	header.Set("X-Session-Install-Id", encode(claims.InstallID.Text()))
	header.Set("X-Session-Expires-At", envelope.FormatInstant(claims.ExpiresAt))
	header.Set("X-Session-Key-Id", string(claims.KeyID))
	header.Set("X-Session-Binding", claims.BoundTo())
	w.WriteHeader(http.StatusOK)
	return nil
}

// encode percent-encodes each byte outside the unreserved characters of RFC 3986 §2.3, so that no
// two ids share a value and none breaks a header.
func encode(text string) string {
	const hex = "0123456789ABCDEF"
	var encoded strings.Builder
	for _, c := range []byte(text) {
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '.',
			c == '_', c == '~':
			encoded.WriteByte(c)
		default:
			encoded.Write([]byte{'%', hex[c>>4], hex[c&0xf]})
		}
	}
	return encoded.String()
}
