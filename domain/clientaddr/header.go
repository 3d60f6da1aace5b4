package clientaddr

// Header is the forwarding header that trusted proxies write. The zero value is
// XForwardedForHeader.
type Header uint8

// The headers.
const (
	// XForwardedForHeader is the de facto standard.
	XForwardedForHeader Header = iota
	// ForwardedHeader is that of RFC 7239.
	ForwardedHeader
)

// Headers returns every header.
func Headers() []Header { return []Header{XForwardedForHeader, ForwardedHeader} }

// String returns the name of the header in canonical form.
func (h Header) String() string {
	switch h {
	case XForwardedForHeader:
		return "X-Forwarded-For"
	case ForwardedHeader:
		return "Forwarded"
	}
	return "unknown"
}

// MarshalText implements encoding.TextMarshaler.
func (h Header) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// Entries returns the entries of the header's lines.
func (h Header) Entries(lines []string) Entries {
	if h == ForwardedHeader {
		return Forwarded(lines)
	}
	return XForwardedFor(lines)
}
