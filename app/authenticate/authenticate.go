// Package authenticate verifies the session that a request carries and, if the session is bound to
// a device key, the proof of that key. It imports domain and ports.
package authenticate

import (
	"context"
	"errors"

	"github.com/offload/sessiond/domain/proof"
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
	nonces   proof.Nonces
}

// New returns a service that accepts the tokens that are valid under settings. nonces are sent to
// clients with wrong clocks, and accepted in their proofs.
func New(keys ports.KeySource, clock ports.Clock, events ports.Events,
	settings session.Settings, nonces proof.Nonces) *Service {
	return &Service{keys: keys, clock: clock, events: events, settings: settings, nonces: nonces}
}

// Authenticate implements ports.Authentication.
func (s *Service) Authenticate(ctx context.Context, credentials ports.Credentials) (session.Claims,
	error) {
	claims, judged, err := s.verify(credentials)
	verified := ports.TokenVerified{}
	if rejection, ok := errors.AsType[*token.Rejection](err); ok {
		verified.Reason = rejection.Reason
	}
	if verified.Reason == token.ReasonUnknownKey {
		ports.RefreshKeys(s.keys)
	}
	if rejection, ok := errors.AsType[*proof.Rejection](err); ok {
		judged = &ports.ProofJudged{Reason: rejection.Reason}
		if rejection.Reason == proof.ReasonDowngrade {
			verified.Reason = token.ReasonBinding
		}
	}
	s.events.Record(ctx, verified)
	if judged != nil {
		s.events.Record(ctx, *judged)
	}
	if err != nil {
		return session.Claims{}, err
	}
	return claims, nil
}

// verify checks the token and then the proof. judged is not nil if a proof was accepted.
func (s *Service) verify(credentials ports.Credentials) (claims session.Claims,
	judged *ports.ProofJudged, err error) {
	presented, err := token.FromAuthorization(credentials.Authorization, s.settings.Binding)
	if err != nil {
		return session.Claims{}, nil, err
	}
	now := s.clock.Now()
	claims, err = token.Read(presented.Text, s.keys.Keyring(), s.settings, now)
	if err != nil {
		return session.Claims{}, nil, err
	}
	possession := proof.Presented{Proofs: credentials.Proofs, Target: credentials.Target,
		Token: presented.Text, Bearer: presented.Scheme == token.SchemeBearer, Nonces: s.nonces,
		Now: now}
	if err := possession.Use(claims); err != nil {
		return session.Claims{}, nil, s.nonces.Challenge(err, now)
	}
	if claims.Bound {
		judged = &ports.ProofJudged{}
	}
	return claims, judged, nil
}
