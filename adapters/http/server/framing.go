package server

import "net/http"

// lastOnConnection reports whether the connection must close after r, because another reader of the
// same bytes, such as a proxy in front, may see r end at a different place. A request that one
// reader takes for part of a body could be smuggled past it to the other (RFC 9112 §11.2).
//
//   - Transfer-Encoding in HTTP/1.1: if Content-Length is sent as well, the connection must close
//     after the response (RFC 9112 §6.1). net/http removes that length before a handler sees it,
//     so every chunked request closes. A client that sends chunks pays one connection per request.
//   - HTTP/1.0: net/http ignores Transfer-Encoding here and reads the chunks as the next request,
//     but the framing must be treated as faulty and the connection closed (RFC 9112 §6.1). It
//     removes that field too, so every HTTP/1.0 request closes, as it does by default.
//   - CONNECT: the client treats what follows as a tunnel (RFC 9110 §9.3.6), and this server opens
//     none.
//
// HTTP/2 has frames, which can be read in only one way.
func lastOnConnection(r *http.Request) bool {
	if r.ProtoMajor != 1 {
		return false
	}
	return len(r.TransferEncoding) > 0 || r.ProtoMinor == 0 || r.Method == http.MethodConnect
}
