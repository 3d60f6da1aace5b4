package sessionauth

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"

	"github.com/offload/sessiond/domain/failure"
	"github.com/offload/sessiond/domain/strict"
	"github.com/offload/sessiond/domain/token"
)

// The headers of an error answer.
const (
	headerRequestID = "X-Request-Id"
	headerErrorCode = "X-Error-Code"
)

// maxRequestID is the maximum length of a request ID.
const maxRequestID = 128

// retryAfter is the Retry-After value, in seconds, if the keys could not be read yet.
const retryAfter = "1"

// envelope is the body of every error.
type envelope struct {
	Error problem `json:"error"`
}

type problem struct {
	Code      string `json:"code"`
	Message   string `json:"message"`
	RequestID string `json:"request_id"`
}

// refuse answers as the issuing service does. The answer reveals only the kind of err.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	kind, id := failure.KindOf(err), requestID(r)
	header := w.Header()
	header.Set(headerRequestID, id)
	header.Set("Cache-Control", "no-store")
	header.Set(headerErrorCode, kind.Code())
	header.Set("Content-Type", "application/json")
	status := http.StatusUnauthorized
	if challenge := token.Challenge(kind); challenge != "" {
		header.Set("WWW-Authenticate", challenge)
	} else {
		status = http.StatusServiceUnavailable
		header.Set("Retry-After", retryAfter)
	}
	var body bytes.Buffer
	// Encoding strings cannot fail. The write error is ignored: the client may have gone away.
	_ = json.NewEncoder(&body).Encode(envelope{problem{Code: kind.Code(), Message: kind.Message(),
		RequestID: id}})
	w.WriteHeader(status)
	_, _ = w.Write(bytes.TrimSuffix(body.Bytes(), []byte("\n")))
}

// requestID returns the request's own ID if it was sent once and is well-formed, or else a new one.
func requestID(r *http.Request) string {
	if given := r.Header.Values(headerRequestID); len(given) == 1 &&
		strict.Plain(given[0], maxRequestID) {
		return given[0]
	}
	return newID()
}

// newID returns a random UUID (RFC 9562 §5.4).
func newID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	text := hex.EncodeToString(id[:])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}
