package api

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
)

// caching lets clients keep a text for five minutes: a new key is published longer than that before it signs.
const caching = "public, max-age=300"

// cacheable is JSON that clients may keep, with its strong validator.
type cacheable struct{ text, tag string }

func newCacheable(text string) cacheable {
	sum := sha256.Sum256([]byte(text))
	return cacheable{text: text, tag: `"` + hex.EncodeToString(sum[:16]) + `"`}
}

// write answers with the text, or with 304 where the client has it, so that one that asks again and again moves no bytes.
func (c cacheable) write(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Cache-Control", caching)
	header.Set("ETag", c.tag)
	if matches(r.Header.Values("If-None-Match"), c.tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	// Whether the client still listens is his affair.
	_, _ = io.WriteString(w, c.text)
}

// matches tells whether a client has what tag stands for (RFC 9110 §13.1.2: a weak comparison). Tags of ours hold no comma.
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
