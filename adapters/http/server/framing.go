package server

import "net/http"

// lastOnConnection reports whether no further request may come on the connection of r, because
// another reader of the same bytes, such as a proxy in front, may disagree on where r ends. What
// one takes for a body and the other for a request would be smuggled past the first (RFC 9112
// §11.2).
//
//   - Transfer-Encoding in HTTP/1.1: together with Content-Length, the connection must close after
//     the
//     response (RFC 9112 §6.1). net/http removes that length before anything sees it, so each
//     chunked
//     request closes. A client that sends chunked bodies pays with one connection per request.
//   - HTTP/1.0: net/http ignores its Transfer-Encoding and takes the chunks for the next request;
//     the
//     framing must count as faulty and the connection close (RFC 9112 §6.1). That field is removed
//     too,
//     so each HTTP/1.0 request closes, which is its default anyway.
//   - CONNECT: its sender takes what follows for a tunnel (RFC 9110 §9.3.6), which is never opened.
//
// HTTP/2 has frames, and one reading of them.
func lastOnConnection(r *http.Request) bool {
	if r.ProtoMajor != 1 {
		return false
	}
	return len(r.TransferEncoding) > 0 || r.ProtoMinor == 0 || r.Method == http.MethodConnect
}
