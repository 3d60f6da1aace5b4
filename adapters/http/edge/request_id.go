package edge

import (
	"net/http"

	"github.com/google/uuid"
)

// HeaderRequestID names a request, for the caller's log and ours.
const HeaderRequestID = "X-Request-Id"

// maxRequestID is the most characters of a request id.
const maxRequestID = 128

// requestID is the caller's, where it came once and is harmless to show; otherwise a new one.
func requestID(r *http.Request) string {
	if given := r.Header.Values(HeaderRequestID); len(given) == 1 && harmless(given[0]) {
		return given[0]
	}
	return uuid.NewString()
}

// harmless tells whether text is 1 to maxRequestID of A-Z a-z 0-9 . _ -
func harmless(text string) bool {
	if len(text) < 1 || len(text) > maxRequestID {
		return false
	}
	for _, c := range []byte(text) {
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}
