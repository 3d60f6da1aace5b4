package server

import "net/http"

// recorder records the response, and closes the connection if part of the request body is still
// unread: no further request can arrive on it, and a server that waited for the body would wait for
// as long as a slow client likes.
type recorder struct {
	http.ResponseWriter
	body *watched
	// bare is true for HEAD: net/http accepts the body that is written, and drops it.
	bare   bool
	status int
	bytes  int64
	cause  error
}

// WriteHeader implements http.ResponseWriter.
func (a *recorder) WriteHeader(status int) {
	if a.status == 0 && status >= http.StatusOK {
		a.status = status
		if a.body.unread() {
			a.Header().Set("Connection", "close")
		}
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (a *recorder) Write(data []byte) (int, error) {
	a.begin()
	n, err := a.ResponseWriter.Write(data)
	a.count(int64(n))
	return n, err
}

// begin is called before each part of the body.
func (a *recorder) begin() {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
}

// count counts n bytes of the body as sent.
func (a *recorder) count(n int64) {
	if !a.bare {
		a.bytes += n
	}
}

// Unwrap returns the underlying writer for http.ResponseController.
func (a *recorder) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// sent returns the response status, which is 200 if the handler wrote nothing.
func (a *recorder) sent() int {
	if a.status == 0 {
		return http.StatusOK
	}
	return a.status
}
