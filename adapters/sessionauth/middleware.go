package sessionauth

import (
	"context"
	"net/http"

	"github.com/offload/sessiond/domain/session"
)

// sessionKey is what a context holds a session under.
type sessionKey struct{}

// NewContext is ctx with a session in it, as Middleware makes it: for tests of handlers, and for services that do not speak net/http.
func NewContext(ctx context.Context, claims session.Claims) context.Context {
	return context.WithValue(ctx, sessionKey{}, claims)
}

// FromContext is the session that Middleware put into a request's context; ok is false where it did not. The install id is
// claims.InstallID.Text(); it is no credential, and belongs into no log.
func FromContext(ctx context.Context) (claims session.Claims, ok bool) {
	claims, ok = ctx.Value(sessionKey{}).(session.Claims)
	return claims, ok
}

// Middleware lets a request through to next where it carries a session, which FromContext then tells. Otherwise it answers itself: 401 unauthorized,
// invalid_token or expired_token, or 503 service_unavailable while the published keys could not be had yet. A browser's preflight carries no session:
// what answers it (CORS) belongs around the middleware.
func (v *Verifier) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims, err := v.Authenticate(r.Context(), r.Header.Values("Authorization"))
		if err != nil {
			refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(NewContext(r.Context(), claims)))
	})
}
