package server

import (
	"bytes"
	"encoding/json"
	"net/http"
)

// WriteJSON answers with value as JSON in UTF-8. The value must be one that can be encoded; otherwise it is a defect, and panics.
func WriteJSON(w http.ResponseWriter, status int, value any) {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false) // it is not HTML, and an id shall read as it was sent
	if err := encoder.Encode(value); err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// Whether the client still listens is his affair.
	_, _ = w.Write(bytes.TrimSuffix(body.Bytes(), []byte("\n")))
}

// recorder takes note of what is answered, and closes a connection on which unread body is still to come: no further request can come on it, and a
// server that waited for that body would wait as long as a slow client likes.
type recorder struct {
	http.ResponseWriter
	body *watched
	// bare says that no body leaves, for HEAD asked: net/http takes in what is written, and drops it.
	bare   bool
	status int
	bytes  int64
	cause  error
}

// WriteHeader is http.ResponseWriter's.
func (a *recorder) WriteHeader(status int) {
	if a.status == 0 && status >= http.StatusOK {
		a.status = status
		if a.body.unread() {
			a.Header().Set("Connection", "close")
		}
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write is http.ResponseWriter's.
func (a *recorder) Write(data []byte) (int, error) {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	n, err := a.ResponseWriter.Write(data)
	if !a.bare {
		a.bytes += int64(n)
	}
	return n, err
}

// Unwrap is http.ResponseController's.
func (a *recorder) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// sent is the status that was answered: a handler that wrote nothing answered 200.
func (a *recorder) sent() int {
	if a.status == 0 {
		return http.StatusOK
	}
	return a.status
}
