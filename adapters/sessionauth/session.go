package sessionauth

import (
	"context"
	"fmt"
	"time"

	"github.com/offload/sessiond/domain/session"
)

// Session is a session that was verified. Its times are whole seconds in UTC.
type Session struct {
	// InstallID is the installation that the session belongs to, exactly as the client sent it:
	// 8 to 128 Unicode code points. It is not a credential. It must not be logged, so neither fmt
	// nor encoding/json shows it as part of a Session.
	InstallID string `json:"-"`
	// KeyID is the ID of the key that signed the session: 1 to 64 characters of A-Z a-z 0-9 . _ -
	KeyID string
	// Issuer and Audience are those of the Config.
	Issuer   string
	Audience string
	// IssuedAt is when the session was issued. It is not after NotBefore.
	IssuedAt time.Time
	// NotBefore is when the session starts.
	NotBefore time.Time
	// ExpiresAt is when the session ends: the first instant at which it is not valid any more.
	ExpiresAt time.Time
	// Binding is BoundToKey if the session is bound to a device key, and BoundToNone otherwise.
	Binding string
}

// sessionOf returns the session of verified claims.
func sessionOf(claims session.Claims) Session {
	return Session{
		InstallID: claims.InstallID.Text(),
		KeyID:     string(claims.KeyID),
		Issuer:    claims.Issuer,
		Audience:  claims.Audience,
		IssuedAt:  claims.IssuedAt.Time(),
		NotBefore: claims.NotBefore.Time(),
		ExpiresAt: claims.ExpiresAt.Time(),
		Binding:   claims.BoundTo(),
	}
}

// Format implements fmt.Formatter. It does not reveal the install ID.
func (s Session) Format(state fmt.State, verb rune) {
	type hidden Session
	s.InstallID = "[install id]"
	_, _ = fmt.Fprintf(state, fmt.FormatString(state, verb), hidden(s))
}

// sessionKey is the context key of a session.
type sessionKey struct{}

// NewContext returns a copy of ctx that holds a session, as Middleware makes it. It is for tests of
// handlers, and for services that do not use net/http.
func NewContext(ctx context.Context, s Session) context.Context {
	return context.WithValue(ctx, sessionKey{}, s)
}

// FromContext returns the session that Middleware stored in a request's context, and whether there
// is one.
func FromContext(ctx context.Context) (s Session, ok bool) {
	s, ok = ctx.Value(sessionKey{}).(Session)
	return s, ok
}
