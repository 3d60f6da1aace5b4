package sessionauth

import (
	"context"
	"net/http"

	"github.com/offload/sessiond/adapters/http/envelope"
	"github.com/offload/sessiond/domain/session"
)

// sessionKey is the context key of a session.
type sessionKey struct{}

// NewContext returns a copy of ctx that holds a session, as Middleware makes it. It is for tests of
// handlers, and for services that do not use net/http.
func NewContext(ctx context.Context, claims session.Claims) context.Context {
	return context.WithValue(ctx, sessionKey{}, claims)
}

// FromContext returns the session that Middleware stored in a request's context, and whether there
// is one. The install ID is claims.InstallID.Text(). It is not a credential, and must not be
// logged.
func FromContext(ctx context.Context) (claims session.Claims, ok bool) {
	claims, ok = ctx.Value(sessionKey{}).(session.Claims)
	return claims, ok
}

// Middleware passes a request that carries a valid session to next, which gets the session from
// FromContext. It answers any other request itself: with 401 unauthorized, invalid_token or
// expired_token, or with 503 service_unavailable if the published keys could not be read yet. A
// browser's preflight request carries no session: the handler that answers it (CORS) belongs around
// this middleware.
func (v *Verifier) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims, err := v.Authenticate(r.Context(), r.Header.Values(envelope.HeaderAuthorization))
		if err != nil {
			refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(NewContext(r.Context(), claims)))
	})
}
