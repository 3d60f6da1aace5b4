// Package authenticate tells whose session a request carries. It imports domain and ports.
package authenticate

import (
	"context"
	"errors"

	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/token"
	"github.com/offload/sessiond/ports"
)

// Service is ports.Authentication.
type Service struct {
	keys   ports.KeySource
	clock  ports.Clock
	events ports.Events
	terms  session.Settings
}

// New makes a service that accepts what stands by terms.
func New(keys ports.KeySource, clock ports.Clock, events ports.Events,
	terms session.Settings) *Service {
	return &Service{keys: keys, clock: clock, events: events, terms: terms}
}

// Authenticate is ports.Authentication's.
func (s *Service) Authenticate(ctx context.Context, authorization []string) (session.Claims,
	error) {
	claims, err := s.verify(authorization)
	verified := ports.TokenVerified{}
	if rejection, ok := errors.AsType[*token.Rejection](err); ok {
		verified.Reason = rejection.Reason
	}
	s.events.Record(ctx, verified)
	return claims, err
}

func (s *Service) verify(authorization []string) (session.Claims, error) {
	text, err := token.FromAuthorization(authorization)
	if err != nil {
		return session.Claims{}, err
	}
	return token.Verify(text, s.keys.Keyring(), s.terms, s.clock.Now())
}
