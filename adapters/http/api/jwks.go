package api

import "net/http"

// jwks publishes the public keys (RFC 7517).
func (a *API) jwks(w http.ResponseWriter, r *http.Request) error {
	newCacheable(a.Publication.PublicSet()).write(w, r)
	return nil
}
