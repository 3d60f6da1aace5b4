package sessionauth

import "net/http"

// Middleware passes a request that carries a valid session to next, which gets the session from
// FromContext. It answers any other request itself: with 401 unauthorized, invalid_token,
// expired_token, invalid_proof or proof_nonce_required, or with 503 service_unavailable if the
// published keys could not be read yet. A browser's preflight request carries no session: the
// handler that answers it (CORS) belongs around this middleware.
//
// A proof must be for the method and the path that the client sent, under one of the public
// origins. So a handler around this middleware must not change the request's method, and a proxy
// in front must not change the path. X-Forwarded headers mean nothing here. The middleware does not
// remove the DPoP header.
func (v *Verifier) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		verified, err := v.Authenticate(r.Context(), credentials(r))
		if err != nil {
			refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(NewContext(r.Context(), verified)))
	})
}
