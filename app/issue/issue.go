// Package issue issues sessions: it judges proofs of device keys, selects the signing key, checks
// the limits, makes the claims and signs them. It imports domain and ports.
package issue

import (
	"context"
	"errors"
	"time"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/proof"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/domain/token"
	"github.com/offload/sessiond/ports"
)

// Bounds of RetryAfter of a *ports.Unavailable. retryAfter is also the wait if it is not known when
// the service will be available.
const (
	retryAfter    = time.Second
	maxRetryAfter = 60 * time.Second
)

// errNoSigner is the cause of a *ports.Unavailable if every key is pending, expired or revoked.
var errNoSigner = errors.New("no key may sign now")

// Service implements ports.Issuance.
type Service struct {
	keys     ports.KeySource
	limiter  ports.LimiterStorage
	clock    ports.Clock
	entropy  ports.Entropy
	events   ports.Events
	settings session.Settings
	limits   Limits
	digester throttle.Digester
	nonces   proof.Nonces
}

// Parts holds the arguments of New. All fields are required, except that Nonces are needed only if
// sessions can be bound to device keys.
type Parts struct {
	Keys     ports.KeySource
	Limiter  ports.LimiterStorage
	Clock    ports.Clock
	Entropy  ports.Entropy
	Events   ports.Events
	Settings session.Settings
	Limits   Limits
	Digester throttle.Digester
	Nonces   proof.Nonces
}

// New returns a service made of parts.
func New(parts Parts) *Service {
	return &Service{
		keys: parts.Keys, limiter: parts.Limiter, clock: parts.Clock, entropy: parts.Entropy,
		events: parts.Events, settings: parts.Settings, limits: parts.Limits,
		digester: parts.Digester, nonces: parts.Nonces,
	}
}

// Issue implements ports.Issuance. It reads the wall clock once, so that proof, key, renewal and
// claims agree on the time.
func (s *Service) Issue(ctx context.Context, request ports.IssueRequest) (ports.Issued, error) {
	now, keyring := s.clock.Now(), s.keys.Keyring()
	var presented token.Presented
	if sent := request.Credentials.Authorization; len(sent) > 0 {
		// Without usable credentials the request is for a new session.
		presented, _ = token.FromAuthorization(sent, s.settings.Binding)
	}
	proved, err := s.judge(ctx, request, presented, now)
	if err != nil {
		return ports.Issued{}, err
	}
	signer, ok := keyring.SignerAt(now)
	if !ok {
		return ports.Issued{}, &ports.Unavailable{RetryAfter: untilSigner(keyring, now),
			Cause: errNoSigner}
	}
	id := request.Session.InstallID()
	renewed := s.renews(id, presented, proved, keyring, now)
	decision, err := s.checkLimits(ctx, id, request.Client, renewed, proved)
	if err != nil {
		return ports.Issued{}, err
	}
	claims := s.settings.Claims(id, signer.ID(), now)
	if proved.bound {
		claims = s.settings.BoundClaims(id, signer.ID(), now)
	}
	claims = s.settings.Backdated(claims, signer.Plan().SignFrom)
	s.events.Record(ctx, ports.SessionIssued{Renewed: renewed,
		ThumbprintID: !renewed && !s.settings.Binding.On() && id.IsThumbprint()})
	return ports.Issued{
		Token:        token.Sign(claims, signer),
		Claims:       claims,
		ExpiresIn:    s.settings.Lifetime,
		RefreshAfter: s.refreshAfter(),
		Decision:     decision,
	}, nil
}

// renews reports whether the request presents a session of the same installation that can still be
// renewed: a bound session with a proof and the scheme DPoP, or an unbound one with neither. Any
// other credential is ignored. An unknown key causes a refresh of the keys.
func (s *Service) renews(id session.InstallID, presented token.Presented, proved possession,
	keyring *keys.Keyring, now time.Time) bool {
	if presented.Text == "" {
		return false
	}
	claims, err := token.Read(presented.Text, keyring, s.settings, now)
	if rejection, ok := errors.AsType[*token.Rejection](err); ok &&
		rejection.Reason == token.ReasonUnknownKey {
		ports.RefreshKeys(s.keys)
	}
	return err == nil && claims.InstallID.Equal(id) && claims.Bound == proved.bound &&
		claims.Bound == (presented.Scheme == token.SchemeDPoP) &&
		claims.Renewable(now, s.settings.RenewalGrace)
}

// refreshAfter draws the time after which the client should renew, in whole seconds: uniformly from
// 0.7 to 0.9 of the lifetime, so that clients that started together spread out. If that range
// contains no whole second, it is the last whole second before the range, but at least one second,
// so that no client renews at once.
func (s *Service) refreshAfter() time.Duration {
	lifetime := int64(s.settings.Lifetime / time.Second)
	first, last := (7*lifetime+9)/10, 9*lifetime/10
	if last < first {
		return time.Duration(max(last, 1)) * time.Second
	}
	drawn := int64(s.entropy.Fraction() * float64(last-first+1))
	return time.Duration(first+min(drawn, last-first)) * time.Second
}

// untilSigner returns how long it takes until a key may sign, at least retryAfter and at most
// maxRetryAfter; maxRetryAfter if no key is pending.
func untilSigner(keyring *keys.Keyring, now time.Time) time.Duration {
	from, pending := keyring.NextSignerFrom(now)
	if !pending {
		return maxRetryAfter
	}
	return min(max(from.Sub(now), retryAfter), maxRetryAfter)
}
