package server

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/offload/sessiond/domain/failure"
)

// watched is a request body that records whether it was read to its end.
type watched struct {
	io.ReadCloser
	declared, ended bool
}

// watch replaces the body of r with w.
func (w *watched) watch(r *http.Request) {
	// In HTTP/2 an unread body does not require closing the connection.
	w.ReadCloser, w.declared = r.Body, r.ContentLength != 0 && r.ProtoMajor < 2
	if w.declared {
		r.Body = w
	}
}

// Read implements io.Reader.
func (w *watched) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	w.ended = w.ended || err == io.EOF
	return n, err
}

// unread reports whether part of the body may still arrive.
func (w *watched) unread() bool { return w.declared && !w.ended }

// unreadTimeout is how long the server still receives a request body that it does not read, after
// it has responded. It is long enough for a client that is still sending the body to get to the
// response, and short because the client may send nothing at all.
const unreadTimeout = time.Second

// limitUnread sets a short read deadline on a connection with an unread request body.
func limitUnread(w http.ResponseWriter) {
	// The error is ignored: a writer without deadlines has no connection, as in a test.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(unreadTimeout))
}

// ErrBodyBroken reports that the body ended early. The part that was received cannot be what the
// client meant.
var ErrBodyBroken = errors.New("request body ended early")

// ReadBody reads a body of at most limit bytes. It fails with failure.PayloadTooLarge if the body
// is longer, without reading it if Content-Length says so, and with ErrBodyBroken if the body ends
// early. It waits without a slot, and then takes one; see Route.ReadsBody. It drops the headers of
// r, so a handler copies those that it needs before it calls ReadBody.
func ReadBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, failure.New(failure.PayloadTooLarge, nil)
	}
	return visitOf(w).awaitBody(r, func() ([]byte, error) {
		body, err := readAll(r, limit+1)
		if int64(len(body)) > limit {
			return nil, failure.New(failure.PayloadTooLarge, nil)
		}
		if err != nil {
			return nil, errors.Join(ErrBodyBroken, err)
		}
		return body, nil
	})
}

// readAll reads a body to its end, or limit bytes of it. A body of usual size gets as much memory
// as it needs, and one byte in which to find its end; more is allocated as it is received, because
// a client may send less than it declares.
func readAll(r *http.Request, limit int64) ([]byte, error) {
	const usual = 512
	size := int64(usual)
	if r.ContentLength >= 0 {
		size = min(r.ContentLength+1, usual)
	}
	body := make([]byte, 0, size)
	for int64(len(body)) < limit {
		body = slices.Grow(body, 1)
		n, err := r.Body.Read(body[len(body):min(int64(cap(body)), limit)])
		body = body[:len(body)+n]
		if err == io.EOF {
			return body, nil
		}
		if err != nil {
			return body, err
		}
	}
	return body, nil
}
