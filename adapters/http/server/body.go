package server

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/offload/sessiond/domain/failure"
)

// watched is a body that records whether it was read to its end.
type watched struct {
	io.ReadCloser
	announced, ended bool
}

// watch wraps the request's body.
func watch(r *http.Request) *watched {
	// HTTP/2 has no connection to close because of one body.
	w := &watched{ReadCloser: r.Body, announced: r.ContentLength != 0 && r.ProtoMajor < 2}
	if w.announced {
		r.Body = w
	}
	return w
}

// Read implements io.Reader.
func (w *watched) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	w.ended = w.ended || err == io.EOF
	return n, err
}

func (w *watched) unread() bool { return w.announced && !w.ended }

// unreadFor is how long a connection still receives a body that is not read, after the response:
// long enough that a client which is sending it reaches the response, and short, because it may
// send nothing at all.
const unreadFor = time.Second

// partFrom ends a connection soon on which an unread body is still to come.
func partFrom(w http.ResponseWriter) {
	// If there is no deadline to set, there is no connection, as in a test.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(unreadFor))
}

// ErrBodyBroken is the error for a body that broke off: what was received cannot be what the client
// meant.
var ErrBodyBroken = errors.New("the body broke off")

// ReadBody reads a body of at most limit bytes. It fails with failure.PayloadTooLarge if the body
// is longer, at once if its length was announced, and with ErrBodyBroken.
func ReadBody(r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, failure.New(failure.PayloadTooLarge, nil)
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if int64(len(body)) > limit {
		return nil, failure.New(failure.PayloadTooLarge, nil)
	}
	if err != nil {
		return nil, errors.Join(ErrBodyBroken, err)
	}
	return body, nil
}
