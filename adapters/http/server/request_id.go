package server

import (
	"net/http"

	"github.com/google/uuid"

	"github.com/offload/sessiond/domain/strict"
)

// HeaderRequestID names a request, for the caller's log and ours.
const HeaderRequestID = "X-Request-Id"

// maxRequestID is the maximum length of a request id.
const maxRequestID = 128

// requestID returns the caller's id, if it was sent once and is harmless to show, and otherwise a
// new one.
func requestID(r *http.Request) string {
	if given := r.Header.Values(HeaderRequestID); len(given) == 1 &&
		strict.Plain(given[0], maxRequestID) {
		return given[0]
	}
	return uuid.NewString()
}
