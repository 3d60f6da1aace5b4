// Package authenticate verifies the session that a request carries. It imports domain and ports.
package authenticate

import (
	"context"
	"errors"

	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/token"
	"github.com/offload/sessiond/ports"
)

// Service implements ports.Authentication.
type Service struct {
	keys     ports.KeySource
	clock    ports.Clock
	events   ports.Events
	settings session.Settings
}

// New returns a service that accepts the tokens that are valid under settings.
func New(keys ports.KeySource, clock ports.Clock, events ports.Events,
	settings session.Settings) *Service {
	return &Service{keys: keys, clock: clock, events: events, settings: settings}
}

// Authenticate implements ports.Authentication.
func (s *Service) Authenticate(ctx context.Context, credentials ports.Credentials) (session.Claims,
	error) {
	claims, err := s.verify(credentials)
	verified := ports.TokenVerified{}
	if rejection, ok := errors.AsType[*token.Rejection](err); ok {
		verified.Reason = rejection.Reason
	}
	if verified.Reason == token.ReasonUnknownKey {
		ports.RefreshKeys(s.keys)
	}
	s.events.Record(ctx, verified)
	return claims, err
}

func (s *Service) verify(credentials ports.Credentials) (session.Claims, error) {
	presented, err := token.FromAuthorization(credentials.Authorization, s.settings.Binding)
	if err != nil {
		return session.Claims{}, err
	}
	return token.Verify(presented.Text, s.keys.Keyring(), s.settings, s.clock.Now())
}
