package proof

import (
	"slices"
	"strings"
)

// Target is the request that a proof must be for: its method, its path, and the origins to which a
// client may have sent it. The zero value is an unknown request, for which every proof is rejected
// (ReasonForwarded).
type Target struct {
	method  string
	path    string // in normal form; "" if it has no normal form, so that no proof fits
	origins []Origin
}

// NewTarget returns the target of a request with that method to that absolute URI, for callers that
// know both, such as a service that verifies sessions itself. If the URI has no normal form, every
// proof is rejected.
func NewTarget(method, uri string) Target {
	origin, path, ok := split(uri)
	if !ok {
		return Target{method: method}
	}
	return Target{method: method, path: path, origins: []Origin{origin}}
}

// Request is what is known of the method and the URI of a request: from the request itself, and
// from the headers that a proxy added.
type Request struct {
	Method string
	// URI is the path and the query as the client sent them (the origin form of RFC 9112 §3.2.1).
	URI  string
	Host string
	// TLS reports whether this process received the request over TLS.
	TLS bool
	// Trusted reports whether the peer is a trusted proxy. Forwarded is ignored otherwise.
	Trusted   bool
	Forwarded Forwarded
}

// Forwarded are the values of the X-Forwarded headers, one for each header line.
type Forwarded struct{ Method, Proto, Host, URI []string }

// Target returns the target of a request to the service itself: its own method and path, under any
// of the public origins. If there are none, the origin is that of the request: the scheme of its
// connection and its host, each replaced by what a trusted proxy states.
func (r Request) Target(public []Origin) Target {
	target := Target{method: r.Method, path: sentPath(r.URI), origins: public}
	if len(public) > 0 {
		return target
	}
	scheme, host := "http", r.Host
	if r.TLS {
		scheme = "https"
	}
	if r.Trusted {
		// More than one value becomes "", which is neither a scheme nor a host.
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

// Original returns the target of the request that a trusted proxy asks about with a sub-request to
// the path verify. There are two forms of sub-requests:
//
//   - to verify itself: the X-Forwarded headers describe the original request, each exactly once;
//   - to a path below it, as Envoy sends them: method, host and the rest of the path are those of
//     the original request, and X-Forwarded-Proto is its scheme. X-Forwarded-Method and
//     X-Forwarded-Uri must not be present.
//
// Original returns the zero Target if the sub-request has neither form, or if there are public
// origins and that of the original request is not among them: a proxy may serve other hosts by
// default.
//
// A peer that is not a trusted proxy can only ask about its own request, whose target is returned.
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
	return Target{method: method, path: sentPath(uri), origins: []Origin{origin}}
}

// sentPath returns the path of the URI that a client sent, in normal form; "" if it has no normal
// form or has a fragment, which clients do not send (RFC 9112 §3.2.1). Servers take # for a part
// of the path: if the fragment were cut off here, a captured proof for /x would be accepted for
// every path that begins with /x#.
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

// isMethod reports whether text is a method: a token (RFC 9110 §5.6.2, §9.1), and so not a list.
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

// includes reports whether uri is the target's URI under one of its origins.
func (t Target) includes(uri string) bool {
	origin, path, ok := split(uri)
	return ok && path == t.path && slices.Contains(t.origins, origin)
}
