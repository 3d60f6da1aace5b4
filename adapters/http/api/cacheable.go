package api

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/offload/sessiond/adapters/http/envelope"
)

// caching lets clients keep a response for five minutes. A new key is published for longer than
// that before it signs.
const caching = "public, max-age=300"

// cacheable is a JSON text that clients may cache, with its strong validator. Every response
// shares its body, which must not be changed.
type cacheable struct {
	text, tag string
	body      []byte
}

func newCacheable(text string) *cacheable {
	body := []byte(text)
	sum := sha256.Sum256(body)
	return &cacheable{text: text, tag: `"` + hex.EncodeToString(sum[:16]) + `"`, body: body}
}

// write responds with the text, or with 304 if the client already has it, so that a client that
// polls transfers no bytes.
func (c *cacheable) write(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set(envelope.HeaderCacheControl, caching)
	header.Set("ETag", c.tag)
	if matches(r.Header.Values("If-None-Match"), c.tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	envelope.Write(w, http.StatusOK, c.body)
}

// matches reports whether If-None-Match contains tag (RFC 9110 §13.1.2: a weak comparison). The
// tags of this service contain no comma.
func matches(values []string, tag string) bool {
	for _, value := range values {
		for given := range strings.SplitSeq(value, ",") {
			given = strings.Trim(given, " \t")
			if given == "*" || strings.TrimPrefix(given, "W/") == tag {
				return true
			}
		}
	}
	return false
}
