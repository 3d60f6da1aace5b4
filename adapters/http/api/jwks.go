package api

import (
	"net/http"
	"sync/atomic"
)

// jwks publishes the public keys (RFC 7517).
func (a *API) jwks(w http.ResponseWriter, r *http.Request) error {
	a.keySet.of(a.Publication.PublicSet()).write(w, r)
	return nil
}

// lastCacheable keeps the text that was served last, with its validator, so that both are computed
// once for each text.
type lastCacheable struct{ last atomic.Pointer[cacheable] }

// of returns text as a cacheable. While the publisher returns the same string, comparing with the
// last text compares two pointers. Concurrent callers may compute the same result twice.
func (l *lastCacheable) of(text string) *cacheable {
	if last := l.last.Load(); last != nil && last.text == text {
		return last
	}
	next := newCacheable(text)
	l.last.Store(next)
	return next
}
