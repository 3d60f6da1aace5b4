// Package envelope holds what every HTTP response of the service has in common: the names of its
// headers, its request id, and the body of an error. The HTTP server and package sessionauth use
// it, so that another service refuses a session exactly as this one does; package sessionclient
// reads what it writes.
//
// The package imports domain and the standard library only, because its imports become those of
// the services and apps that use sessionauth and sessionclient.
package envelope

import (
	"bytes"
	"encoding/json"
	"net/http"
)

// The names of the headers, in canonical form.
const (
	HeaderAuthorization = "Authorization"
	HeaderCacheControl  = "Cache-Control"
	HeaderContentType   = "Content-Type"
	// HeaderChallenge tells a client which credentials are missing (RFC 9110 §11.6.1).
	HeaderChallenge  = "Www-Authenticate"
	HeaderRetryAfter = "Retry-After"
	// HeaderProof carries the proof of a device key, and HeaderNonce the nonce that the next proof
	// must contain (RFC 9449 §4.1, §8).
	HeaderProof = "Dpop"
	HeaderNonce = "Dpop-Nonce"
	// HeaderErrorCode repeats the error code for readers that do not see the body.
	HeaderErrorCode = "X-Error-Code"
	// HeaderRequestID carries the request id, for the logs of the client and of the service.
	HeaderRequestID = "X-Request-Id"
)

// MediaType is the media type of every JSON body.
const MediaType = "application/json"

// Header values that all responses share. Appending to one copies it, because none has spare
// capacity.
var (
	mediaType = []string{MediaType}
	noStore   = []string{"no-store"}
)

// Begin sets the headers that every response has, the request id and Cache-Control: no-store, and
// returns the request id.
func Begin(w http.ResponseWriter, r *http.Request) string {
	id, header := requestID(r.Header), w.Header()
	header[HeaderRequestID] = []string{id}
	header[HeaderCacheControl] = noStore
	return id
}

// WriteJSON writes value as JSON in UTF-8 with the given status. It panics if value cannot be
// encoded, which is a programming error.
func WriteJSON(w http.ResponseWriter, status int, value any) {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false) // the output is not HTML, and an id must read as it was sent
	if err := encoder.Encode(value); err != nil {
		panic(err)
	}
	Write(w, status, bytes.TrimSuffix(body.Bytes(), []byte("\n")))
}

// Write writes a JSON text with the given status. The text must not be changed afterwards: see
// Keeper.
func Write(w http.ResponseWriter, status int, text []byte) {
	w.Header()[HeaderContentType] = mediaType
	w.WriteHeader(status)
	// The write error is ignored: the client may have gone away.
	if keeper, ok := w.(Keeper); ok {
		_, _ = keeper.WriteKept(text)
		return
	}
	_, _ = w.Write(text)
}

// Keeper is a response writer that may keep a body until the response is sent, where Write copies
// it. The body must never be changed, and may be that of many responses.
type Keeper interface {
	// WriteKept is like Write of http.ResponseWriter, but may keep body.
	WriteKept(body []byte) (int, error)
}
