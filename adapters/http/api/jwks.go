package api

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
)

// jwksCaching lets verifiers keep the set for five minutes: a new key is published longer than that before it signs.
const jwksCaching = "public, max-age=300"

// jwks publishes the public keys (RFC 7517), with a strong validator, so that a verifier that asks again and again moves no bytes.
func (a *API) jwks(w http.ResponseWriter, r *http.Request) error {
	set := a.Publication.PublicSet()
	sum := sha256.Sum256([]byte(set))
	tag := `"` + hex.EncodeToString(sum[:16]) + `"`
	header := w.Header()
	header.Set("Cache-Control", jwksCaching)
	header.Set("ETag", tag)
	if matches(r.Header.Values("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	header.Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	// Whether the client still listens is his affair.
	_, _ = io.WriteString(w, set)
	return nil
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
