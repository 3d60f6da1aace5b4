package server

import "net/http"

// lastOnConnection tells whether no further request may come on the connection of r, because another reader of the same bytes, such as a proxy in front,
// may hold that r ends elsewhere. What one takes for a body and the other for a request would be smuggled past the first (RFC 9112 §11.2).
//
//   - Transfer-Encoding in HTTP/1.1: where Content-Length comes with it, the connection must close after the answer (RFC 9112 §6.1). net/http takes
//     that length away before anybody sees it, so each request in chunks closes. It costs a client that sends chunks one connection a request.
//   - HTTP/1.0: net/http ignores its Transfer-Encoding and takes the chunks for the next request; the framing is to count as faulty and the connection
//     to close (RFC 9112 §6.1). That field is taken away too, so each HTTP/1.0 request closes, as it does unless asked otherwise.
//   - CONNECT: its sender takes what follows for a tunnel (RFC 9110 §9.3.6), which nothing here opens.
//
// HTTP/2 has frames, and one reading of them.
func lastOnConnection(r *http.Request) bool {
	if r.ProtoMajor != 1 {
		return false
	}
	return len(r.TransferEncoding) > 0 || r.ProtoMinor == 0 || r.Method == http.MethodConnect
}
