package proof

import (
	"net/netip"
	"strings"
	"unicode/utf8"
)

// Normalize returns the form in which the URIs of requests are compared (RFC 3986 §6.2.2 and
// §6.2.3): without query and fragment, scheme and host in lower case, without the default port,
// with / for an empty path, with %XX decoded where it stands for an unreserved character and in
// upper case elsewhere, and without dot segments. Nothing else is changed: no slash is added,
// removed or merged, and the case of a path counts. A normal form is its own normal form.
//
// ok is false if uri is not an absolute http or https URI as clients send it. It then has user
// information or, before the query, characters that are not ASCII, white space, a control
// character, a backslash or an incomplete %XX.
func Normalize(uri string) (normal string, ok bool) {
	origin, path, ok := split(uri)
	if !ok {
		return "", false
	}
	return origin.text + path, true
}

// split returns the origin and the path of uri in normal form. ok is false as for Normalize.
func split(uri string) (origin Origin, path string, ok bool) {
	scheme, rest, ok := strings.Cut(uri, "://")
	if !ok {
		return Origin{}, "", false
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	if origin, ok = newOrigin(scheme, rest[:end]); !ok {
		return Origin{}, "", false
	}
	path, ok = normalizePath(rest[end:])
	return origin, path, ok
}

// Origin is an origin (RFC 6454 §4) of http or https in normal form. The zero value is not an
// origin.
type Origin struct{ text string }

// ParseOrigin parses scheme://host or scheme://host:port, with nothing behind it; ok is false for
// any other text.
func ParseOrigin(text string) (o Origin, ok bool) {
	scheme, authority, ok := strings.Cut(text, "://")
	if !ok {
		return Origin{}, false
	}
	return newOrigin(scheme, authority)
}

// String returns the origin in normal form.
func (o Origin) String() string { return o.text }

// newOrigin returns the origin of a scheme and an authority, which is a host and, optionally, a
// port.
func newOrigin(scheme, authority string) (o Origin, ok bool) {
	scheme = strings.ToLower(scheme)
	defaultPort := ""
	switch scheme {
	case "http":
		defaultPort = "80"
	case "https":
		defaultPort = "443"
	default:
		return Origin{}, false
	}
	authority, ok = decodeUnreserved(authority)
	if !ok {
		return Origin{}, false
	}
	if !isASCII(authority) { // before ToLower, which maps U+212A (Kelvin sign) to k
		return Origin{}, false
	}
	host, port, hasPort := cutPort(strings.ToLower(authority))
	if !isHost(host) || hasPort && !isPort(port) {
		return Origin{}, false
	}
	if hasPort && port != defaultPort {
		host += ":" + port
	}
	return Origin{text: scheme + "://" + host}, true
}

// cutPort splits an authority into host and port. An address of IPv6 is in brackets.
func cutPort(authority string) (host, port string, hasPort bool) {
	from := strings.IndexByte(authority, ']') + 1
	if at := strings.IndexByte(authority[from:], ':'); at >= 0 {
		return authority[:from+at], authority[from+at+1:], true
	}
	return authority, "", false
}

// isHost reports whether text, in lower case, is a name of unreserved characters or an address of
// IPv6 in brackets. Names in use have no other characters, and user information would have them.
func isHost(text string) bool {
	if inner, ok := strings.CutPrefix(text, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		address, err := netip.ParseAddr(inner)
		return ok && err == nil && address.Is6() && address.Zone() == ""
	}
	for _, c := range []byte(text) {
		if !isUnreserved(c) {
			return false
		}
	}
	return text != ""
}

// isASCII reports whether text consists of ASCII characters.
func isASCII(text string) bool {
	return strings.IndexFunc(text, func(c rune) bool { return c >= utf8.RuneSelf }) < 0
}

// isPort reports whether text has the form of a port.
func isPort(text string) bool {
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(text) >= 1 && len(text) <= 5
}

// normalizePath returns the path in text, the part of a URI behind the authority, in normal form.
// ok is false if text begins with neither /, a query nor a fragment, or has characters that no path
// has.
func normalizePath(text string) (path string, ok bool) {
	if end := strings.IndexAny(text, "?#"); end >= 0 {
		text = text[:end]
	}
	if text == "" {
		return "/", true
	}
	if text[0] != '/' {
		return "", false
	}
	for _, c := range []byte(text) {
		if c <= ' ' || c >= 0x7f || c == '\\' {
			return "", false
		}
	}
	if text, ok = decodeUnreserved(text); !ok {
		return "", false
	}
	return removeDotSegments(text), true
}

// removeDotSegments removes the segments . and .. of a path that begins with / (RFC 3986 §5.2.4).
func removeDotSegments(path string) string {
	if !strings.Contains(path, "/.") {
		return path
	}
	var kept []string
	for segment := range strings.SplitSeq(path[1:], "/") {
		switch segment {
		case "..":
			kept = kept[:max(len(kept)-1, 0)]
		case ".":
		default:
			kept = append(kept, segment)
		}
	}
	if strings.HasSuffix(path, "/.") || strings.HasSuffix(path, "/..") {
		kept = append(kept, "") // a directory stays one
	}
	return "/" + strings.Join(kept, "/")
}

// decodeUnreserved decodes each %XX of an unreserved character (RFC 3986 §6.2.2.2) and writes the
// others in upper case (§6.2.2.1). ok is false if a % is followed by anything else.
func decodeUnreserved(text string) (decoded string, ok bool) {
	const hexDigits = "0123456789ABCDEF"
	if !strings.Contains(text, "%") {
		return text, true
	}
	to := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			to = append(to, text[i])
			continue
		}
		if len(text)-i < 3 {
			return "", false
		}
		high, low := hexValue(text[i+1]), hexValue(text[i+2])
		if high > 0xf || low > 0xf {
			return "", false
		}
		if c := high<<4 | low; isUnreserved(c) {
			to = append(to, c)
		} else {
			to = append(to, '%', hexDigits[high], hexDigits[low])
		}
		i += 2
	}
	return string(to), true
}

// hexValue returns the value of a hex digit, and 0xff for any other character.
func hexValue(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 0xff
}

// isUnreserved reports whether c is an unreserved character (RFC 3986 §2.3).
func isUnreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}
