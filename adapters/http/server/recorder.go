package server

import (
	"net/http"
	"strconv"
	"time"

	"github.com/offload/sessiond/adapters/http/envelope"
)

// recorder records the response, and closes the connection if part of the request body is still
// unread: no further request can arrive on it, and a server that waited for the body would wait for
// as long as a slow client likes.
type recorder struct {
	http.ResponseWriter
	body watched
	// visit is zero for a request without budgets.
	visit visit
	// bare is true for HEAD: net/http accepts the body that is written, and drops it.
	bare  bool
	http1 bool
	// window is that of the HTTP/2 connection, or nil if it is not known.
	window *sendWindow
	// holds is true if the response is held back until send, so that no slot is held while the
	// client reads it.
	holds  bool
	held   []byte
	kept   []byte // follows held; it is shared, and must not be changed
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
	if !a.holds {
		a.ResponseWriter.WriteHeader(status)
	}
}

// Write implements http.ResponseWriter.
func (a *recorder) Write(data []byte) (int, error) {
	a.begin()
	if a.holds {
		a.hold(data)
		return len(data), nil
	}
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

// hold adds a copy of data to the body that is held back.
func (a *recorder) hold(data []byte) {
	a.held = append(append(a.held, a.kept...), data...)
	a.kept = nil
}

// WriteKept implements envelope.Keeper.
func (a *recorder) WriteKept(body []byte) (int, error) {
	if !a.holds || a.kept != nil {
		return a.Write(body)
	}
	a.begin()
	a.kept = body
	return len(body), nil
}

// size returns the length of the body that is held back.
func (a *recorder) size() int { return len(a.held) + len(a.kept) }

// takeWindow subtracts the response from the client's window, and reports whether sending it may
// block. It is called once for each response. net/http sends a short response after the handler has
// returned. An HTTP/1 connection can have only one such response, and an HTTP/2 response that fits
// in the window does not wait for the client. They do not count as requests that wait for their
// clients: they are bounded by the bounds on connections and streams, each fits in a buffer that
// net/http has anyway, and a deadline closes the connection.
func (a *recorder) takeWindow() (blocks bool) {
	size := a.size()
	if a.bare && !a.http1 {
		size = 0
	}
	return !a.http1 && !a.window.take(size) || size > sentAtEnd
}

// send sends the response that was held back. If that may block, it returns when the kernel or the
// client's flow-control window has taken all of it, and otherwise at once.
func (a *recorder) send(blocks bool) {
	a.begin()
	a.holds = false
	size := a.size()
	early := blocks && size > 0
	if early && a.Header().Get(headerContentLength) == "" {
		// known here, and not to net/http, which is told to send the response before its end
		a.Header().Set(headerContentLength, strconv.Itoa(size))
	}
	if !early && a.http1 {
		// The error is ignored: a writer without deadlines has no connection, as in a test.
		_ = http.NewResponseController(a.ResponseWriter).SetWriteDeadline(
			time.Now().Add(unreadResponseTimeout))
	}
	a.ResponseWriter.WriteHeader(a.status)
	for _, part := range [...][]byte{a.held, a.kept} {
		if len(part) == 0 {
			continue
		}
		n, err := a.ResponseWriter.Write(part)
		a.count(int64(n))
		if err != nil {
			return // the client may have gone away
		}
	}
	if early {
		// The error is ignored: the client may have gone away.
		_ = http.NewResponseController(a.ResponseWriter).Flush()
	}
}

// sentAtEnd is the size of a response that net/http sends when the handler has returned. It is
// net/http's own for HTTP/1, bufferBeforeChunkingSize; for HTTP/2 it is larger.
const sentAtEnd = 2048

// headerContentLength is the name of the header that net/http sets only for short responses.
const headerContentLength = "Content-Length"

// empty removes the body that is held back. Over HTTP/2 a body waits for a window that the client
// may never open, and headers do not.
func (a *recorder) empty() {
	a.held, a.kept = nil, nil
	a.Header().Del(envelope.HeaderContentType)
}

// abort ends the request without a response, or in the middle of it: it resets an HTTP/2 stream,
// and closes an HTTP/1 connection.
func (a *recorder) abort() {
	if a.status == 0 {
		a.status = http.StatusRequestTimeout // for logs and metrics: the client was too slow
	}
	panic(http.ErrAbortHandler)
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
