package envelope

import (
	"net/http"
	"strings"
)

// SentPath returns the path as it was sent. It is neither decoded nor cleaned, because a path that
// two readers clean differently is two paths.
func SentPath(r *http.Request) string {
	target, _, _ := strings.Cut(r.RequestURI, "?")
	if strings.HasPrefix(target, "/") {
		return target
	}
	// absolute-form (RFC 9112 §3.2.2); asterisk-form and authority-form have no path
	_, rest, found := strings.Cut(target, "://")
	if !found {
		return ""
	}
	if slash := strings.IndexByte(rest, '/'); slash >= 0 {
		return rest[slash:]
	}
	return "/"
}
