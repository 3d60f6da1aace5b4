package sessionclient

import (
	"net/http"
	"sync"
	"time"

	"github.com/offload/sessiond/adapters/http/envelope"
	"github.com/offload/sessiond/domain/failure"
)

// maxNonce is the maximum length of a nonce, in bytes.
const maxNonce = 256

// deviceTime is the time of proofs: that of the device until a server did not accept it, and then
// that of the server. It is safe for concurrent use.
type deviceTime struct {
	mu sync.Mutex
	// date is the time that a server sent, and at is when it arrived, on the monotonic clock.
	date  time.Time
	at    time.Duration
	known bool
}

// now returns the time.
func (t *deviceTime) now(c clock) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.known {
		return c.wall()
	}
	return t.date.Add(c.now() - t.at)
}

// correct sets the time to the Date of an answer that has just arrived, if it has one.
func (t *deviceTime) correct(c clock, header http.Header) {
	dates := header.Values("Date")
	if len(dates) != 1 {
		return
	}
	date, err := http.ParseTime(dates[0])
	if err != nil || date.Unix() <= 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.date, t.at, t.known = date, c.now(), true
}

// challenge returns the nonce that an answer with a code asks to repeat the request with, or "" if
// it asks for no such thing. The server did not accept the time of the proof, so the time is
// corrected, too: later proofs need no nonce.
func (c *Client) challenge(response *http.Response, code string) string {
	if response.StatusCode != http.StatusUnauthorized || code != failure.ProofNonceRequired.Code() {
		return ""
	}
	c.time.correct(c.clock, response.Header)
	nonces := response.Header.Values(envelope.HeaderNonce)
	if len(nonces) != 1 || !isNonce(nonces[0]) {
		return ""
	}
	return nonces[0]
}

// isNonce reports whether text consists of visible characters of ASCII, and is not too long.
func isNonce(text string) bool {
	if text == "" || len(text) > maxNonce {
		return false
	}
	for _, c := range []byte(text) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}
