package server

import (
	"net/http"

	"github.com/google/uuid"

	"github.com/offload/sessiond/domain/strict"
)

// HeaderRequestID carries the request id, for the logs of the client and of this service.
const HeaderRequestID = "X-Request-Id"

// maxRequestID is the maximum length of a request id in characters.
const maxRequestID = 128

// requestID returns the client's request id if it was sent once and is safe to show, and a new one
// otherwise.
func requestID(r *http.Request) string {
	if given := r.Header.Values(HeaderRequestID); len(given) == 1 &&
		strict.Plain(given[0], maxRequestID) {
		return given[0]
	}
	return uuid.NewString()
}
