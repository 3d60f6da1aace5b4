package server

import (
	"net/http"
	"strconv"
	"time"

	"github.com/offload/sessiond/adapters/http/envelope"
)

// recorder is the http.ResponseWriter of a handler. It records the response for logs and metrics,
// and holds it back if the request is within budgets. If part of the request body is still unread
// when the response begins, it has the connection closed: no further request can arrive on it, and
// a server that waited for the body would wait for as long as a slow client likes.
type recorder struct {
	http.ResponseWriter
	body watched
	// visit is zero for a request without budgets.
	visit visit
	// bare is true for HEAD: net/http accepts the body that is written, and drops it.
	bare  bool
	http1 bool
	// window is the send window of the HTTP/2 connection, or nil if it is not known.
	window *sendWindow
	// holds is true if the response is held back until send, so that no slot is held while the
	// client reads it.
	holds  bool
	held   []byte
	kept   []byte // follows held; it is shared, and must not be changed
	status int    // 0 until the header is written
	bytes  int64  // of the body, as sent
	cause  error  // of an error response
}

// WriteHeader implements http.ResponseWriter.
func (rec *recorder) WriteHeader(status int) {
	if rec.status == 0 && status >= http.StatusOK {
		rec.status = status
		if rec.body.unread() {
			rec.Header().Set("Connection", "close")
		}
	}
	if !rec.holds {
		rec.ResponseWriter.WriteHeader(status)
	}
}

// Write implements http.ResponseWriter.
func (rec *recorder) Write(data []byte) (int, error) {
	rec.begin()
	if rec.holds {
		rec.hold(data)
		return len(data), nil
	}
	n, err := rec.ResponseWriter.Write(data)
	rec.count(int64(n))
	return n, err
}

// begin writes the header with status 200 if the handler has written none. It is called before each
// part of the body.
func (rec *recorder) begin() {
	if rec.status == 0 {
		rec.WriteHeader(http.StatusOK)
	}
}

// count counts n bytes of the body as sent.
func (rec *recorder) count(n int64) {
	if !rec.bare {
		rec.bytes += n
	}
}

// hold adds a copy of data to the body that is held back.
func (rec *recorder) hold(data []byte) {
	rec.held = append(append(rec.held, rec.kept...), data...)
	rec.kept = nil
}

// WriteKept implements envelope.Keeper.
func (rec *recorder) WriteKept(body []byte) (int, error) {
	if !rec.holds || rec.kept != nil {
		return rec.Write(body)
	}
	rec.begin()
	rec.kept = body
	return len(body), nil
}

// size returns the length of the body that is held back.
func (rec *recorder) size() int { return len(rec.held) + len(rec.kept) }

// takeWindow subtracts the response from the client's window, and reports whether sending it may
// block. It is called once for each response. net/http sends a short response after the handler has
// returned. An HTTP/1 connection can have only one such response, and an HTTP/2 response that fits
// in the window does not wait for the client. They do not count as requests that wait for their
// clients: they are bounded by the bounds on connections and streams, each fits in a buffer that
// net/http has anyway, and a deadline closes the connection.
func (rec *recorder) takeWindow() (blocks bool) {
	size := rec.size()
	if rec.bare && !rec.http1 {
		size = 0
	}
	return !rec.http1 && !rec.window.take(size) || size > sentAtEnd
}

// send sends the response that was held back. If that may block, it returns when the kernel or the
// client's flow-control window has taken all of it, and otherwise at once.
func (rec *recorder) send(blocks bool) {
	rec.begin()
	rec.holds = false
	size := rec.size()
	early := blocks && size > 0
	if early && rec.Header().Get(headerContentLength) == "" {
		// net/http does not know the length: it is told to send the response before its end.
		rec.Header().Set(headerContentLength, strconv.Itoa(size))
	}
	if !early && rec.http1 {
		// The error is ignored: a writer without deadlines has no connection, as in a test.
		_ = http.NewResponseController(rec.ResponseWriter).SetWriteDeadline(
			time.Now().Add(unreadResponseTimeout))
	}
	rec.ResponseWriter.WriteHeader(rec.status)
	for _, part := range [...][]byte{rec.held, rec.kept} {
		if len(part) == 0 {
			continue
		}
		n, err := rec.ResponseWriter.Write(part)
		rec.count(int64(n))
		if err != nil {
			return // the client may have gone away
		}
	}
	if early {
		// The error is ignored: the client may have gone away.
		_ = http.NewResponseController(rec.ResponseWriter).Flush()
	}
}

// sentAtEnd is the maximum size in bytes of a body that net/http buffers until the handler has
// returned. It is bufferBeforeChunkingSize of net/http's HTTP/1 server; that of HTTP/2 is larger.
const sentAtEnd = 2048

// headerContentLength is the name of the header that net/http sets only for short responses.
const headerContentLength = "Content-Length"

// empty removes the body that is held back. Over HTTP/2 a body waits for a window that the client
// may never open; headers do not wait.
func (rec *recorder) empty() {
	rec.held, rec.kept = nil, nil
	rec.Header().Del(envelope.HeaderContentType)
}

// abort ends the request without a response, or in the middle of it: it resets an HTTP/2 stream,
// and closes an HTTP/1 connection.
func (rec *recorder) abort() {
	if rec.status == 0 {
		rec.status = http.StatusRequestTimeout // for logs and metrics: the client was too slow
	}
	panic(http.ErrAbortHandler)
}

// Unwrap returns the underlying writer for http.ResponseController.
func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }

// sent returns the response status, which is 200 if the handler wrote nothing.
func (rec *recorder) sent() int {
	if rec.status == 0 {
		return http.StatusOK
	}
	return rec.status
}
