package proof

import (
	"slices"
	"strings"
)

// Target is what a proof must be for: the method of a request, its path, and the origins under
// which a client may have sent it. The zero value is a target that is not known, for which no proof
// is good (ReasonForwarded).
type Target struct {
	method  string
	path    string // in normal form; "" if the path has none, so that no proof is for it
	origins []Origin
}

// NewTarget returns the target of a request with that method to that absolute URI, for callers that
// know both, such as a service that verifies sessions itself. No proof is good for a URI that has
// no normal form.
func NewTarget(method, uri string) Target {
	origin, path, ok := split(uri)
	if !ok {
		return Target{method: method}
	}
	return Target{method: method, path: path, origins: []Origin{origin}}
}

// Request is what a request says of its method and its URI, by itself and by the headers that a
// proxy has added.
type Request struct {
	Method string
	// URI is the path and the query as the client sent them (the origin form of RFC 9112 §3.2.1).
	URI  string
	Host string
	// TLS reports whether the request came by TLS to this process.
	TLS bool
	// Trusted reports whether the peer is a proxy whose headers count. Forwarded is ignored
	// otherwise.
	Trusted   bool
	Forwarded Forwarded
}

// Forwarded are the values of the X-Forwarded headers, one for each header line.
type Forwarded struct{ Method, Proto, Host, URI []string }

// Target returns the target of a request that is for the service itself: its own method and path,
// under any of the public origins. If there are none, the origin is that of the request: the scheme
// of its connection and its host, or what a trusted proxy says of either.
func (r Request) Target(public []Origin) Target {
	target := Target{method: r.Method, origins: public}
	target.path = sentPath(r.URI)
	if len(public) > 0 {
		return target
	}
	scheme, host := "http", r.Host
	if r.TLS {
		scheme = "https"
	}
	if r.Trusted {
		// Values that are not single make no origin.
		if len(r.Forwarded.Proto) > 0 {
			scheme, _ = single(r.Forwarded.Proto)
		}
		if len(r.Forwarded.Host) > 0 {
			host, _ = single(r.Forwarded.Host)
		}
	}
	if origin, ok := newOrigin(scheme, host); ok {
		target.origins = []Origin{origin}
	}
	return target
}

// Original returns the target of the request that a proxy asks about at the path verify. If the
// path asked is verify, the headers say what it was, each exactly once. If it is below, as Envoy
// asks, the method, the host and the rest of the path are the request's own, X-Forwarded-Proto is
// the scheme, and headers that contradict this form are an error. The zero Target means that the
// original request is not known: also if its origin is not one of the public ones, where there are
// any, because a proxy may serve other hosts by default.
//
// Anyone else than a trusted proxy can only ask about its own request.
func (r Request) Original(verify string, public []Origin) Target {
	path, _, _ := strings.Cut(r.URI, "?")
	rest, below := strings.CutPrefix(r.URI, verify)
	below = below && strings.HasPrefix(rest, "/")
	if !r.Trusted || path != verify && !below {
		return r.Target(public)
	}
	scheme, known := single(r.Forwarded.Proto)
	method, host, uri := r.Method, r.Host, rest
	if below {
		known = known && len(r.Forwarded.Method) == 0 && len(r.Forwarded.URI) == 0
	} else {
		var hasMethod, hasHost, hasURI bool
		method, hasMethod = single(r.Forwarded.Method)
		host, hasHost = single(r.Forwarded.Host)
		uri, hasURI = single(r.Forwarded.URI)
		known = known && hasMethod && hasHost && hasURI
	}
	origin, ok := newOrigin(scheme, host)
	if !known || !ok || !isMethod(method) || !strings.HasPrefix(uri, "/") ||
		len(public) > 0 && !slices.Contains(public, origin) {
		return Target{}
	}
	target := Target{method: method, origins: []Origin{origin}}
	target.path = sentPath(uri)
	return target
}

// sentPath returns the path of the URI that a client sent, in normal form; empty if it has none, or
// has a fragment, which clients do not send (RFC 9112 §3.2.1): servers take # for a part of the
// path, so a captured proof for one path would be good for every other that begins like it.
func sentPath(uri string) string {
	sent, _, _ := strings.Cut(uri, "?")
	if strings.Contains(sent, "#") {
		return ""
	}
	path, _ := normalizePath(sent)
	return path
}

// single returns the only value; ok is false if there is none or more than one.
func single(values []string) (value string, ok bool) {
	if len(values) != 1 {
		return "", false
	}
	return values[0], true
}

// isMethod reports whether text is a method (RFC 9110 §5.6.2), and not a list of two.
func isMethod(text string) bool {
	for _, c := range []byte(text) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9',
			strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return text != ""
}

// includes reports whether uri is the target's.
func (t Target) includes(uri string) bool {
	origin, path, ok := split(uri)
	return ok && path == t.path && slices.Contains(t.origins, origin)
}
