// Package issue gives sessions: it finds the key, asks the throttle, makes the claims and signs them. It imports domain and
// ports.
package issue

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/offload/sessiond/domain/clientaddr"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/domain/token"
	"github.com/offload/sessiond/ports"
)

// How long a caller is told to wait where there is no better answer, and at most.
const (
	retryIn    = time.Second
	maxRetryIn = 60 * time.Second
)

// errNoSigner is for the operator: every key waits, has ended or was revoked.
var errNoSigner = errors.New("no key may sign now")

// Limits are how many sessions are given to whom.
type Limits struct {
	// PerAddress and PerInstall are grants for each window, at least 1.
	PerAddress, PerInstall int
	// Window is above 0.
	Window time.Duration
	Mode   ports.ThrottleMode
	// IPv6Prefix is how many bits of an IPv6 address count as one client: 32 to 128.
	IPv6Prefix int
}

// Service is ports.Issuance.
type Service struct {
	keys     ports.KeySource
	limiter  ports.LimiterStorage
	clock    ports.Clock
	entropy  ports.Entropy
	events   ports.Events
	terms    session.Settings
	limits   Limits
	digester throttle.Digester
}

// Parts are what a Service is made of; none may be missing.
type Parts struct {
	Keys     ports.KeySource
	Limiter  ports.LimiterStorage
	Clock    ports.Clock
	Entropy  ports.Entropy
	Events   ports.Events
	Settings session.Settings
	Limits   Limits
	Digester throttle.Digester
}

// New makes a service of its parts.
func New(parts Parts) *Service {
	return &Service{
		keys: parts.Keys, limiter: parts.Limiter, clock: parts.Clock, entropy: parts.Entropy,
		events: parts.Events,
		terms:  parts.Settings, limits: parts.Limits, digester: parts.Digester,
	}
}

// Issue is ports.Issuance's. The clock is read once, so that key, renewal and claims agree on the time.
func (s *Service) Issue(ctx context.Context, ask ports.IssueRequest) (ports.Issued, error) {
	now, ring := s.clock.Now(), s.keys.Keyring()
	signer, ok := ring.SignerAt(now)
	if !ok {
		return ports.Issued{}, &ports.Unavailable{RetryAfter: untilSigner(ring, now),
			Cause: errNoSigner}
	}
	id := ask.Session.InstallID()
	renewed := s.renews(ask, ring, now)
	decision, err := s.ask(ctx, id, ask.Client, renewed)
	if err != nil {
		return ports.Issued{}, err
	}
	claims := s.terms.Claims(id, signer.ID(), now)
	s.events.Record(ctx, ports.SessionIssued{Renewed: renewed})
	return ports.Issued{
		Token:        token.Sign(claims, signer),
		Claims:       claims,
		ExpiresIn:    s.terms.Lifetime,
		RefreshAfter: s.refreshAfter(),
		Decision:     decision,
	}, nil
}

// renews tells whether the request carries a session of the same installation that is still good for a renewal. Whatever
// else it carries is passed over.
func (s *Service) renews(ask ports.IssueRequest, ring *keys.Keyring, now time.Time) bool {
	text, err := token.FromAuthorization(ask.Authorization)
	if err != nil {
		return false
	}
	claims, err := token.Read(text, ring, s.terms, now)
	return err == nil && claims.InstallID.Equal(ask.Session.InstallID()) &&
		claims.Renewable(now, s.terms.RenewalGrace)
}

// ask asks the throttle. What it returns is undecided where nothing was taken: nobody decided, or the mode let pass what
// would be refused.
func (s *Service) ask(ctx context.Context, id session.InstallID, client netip.Addr,
	renewed bool) (throttle.Decision, error) {
	install := throttle.Check{
		Dimension: throttle.ByInstall, Limit: s.limits.PerInstall, Window: s.limits.Window,
		Subject: s.digester.Subject(throttle.ByInstall, id.Text()),
	}
	asks := throttle.NewChecks(install)
	if !renewed {
		address := clientaddr.Truncate(client, s.limits.IPv6Prefix)
		asks = throttle.NewChecks(throttle.Check{
			Dimension: throttle.ByAddress, Limit: s.limits.PerAddress, Window: s.limits.Window,
			Subject: s.digester.Subject(throttle.ByAddress, address.String()),
		}, install)
	}
	decision, err := s.limiter.Decide(ctx, s.clock.Instant(), asks)
	if err != nil {
		if s.limits.Mode == ports.Observe {
			return throttle.Decision{}, nil
		}
		return throttle.Decision{}, &ports.Unavailable{RetryAfter: retryIn, Cause: err}
	}
	refusal, refused := decision.Refusal()
	if !refused {
		return decision, nil
	}
	s.events.Record(ctx, ports.IssuanceThrottled{
		Dimension: refusal.Dimension, Mode: s.limits.Mode,
		RetryAfterSeconds: refusal.RetryAfterSeconds(), Install: install.Subject,
	})
	if s.limits.Mode == ports.Observe {
		return throttle.Decision{}, nil
	}
	return throttle.Decision{}, refusal
}

// refreshAfter draws when to renew: evenly from 0.7 to 0.9 of the lifetime, so that a fleet that started together spreads, in whole
// seconds. Where no whole second lies between the two it is the one before, but never none: nobody shall renew at once.
func (s *Service) refreshAfter() time.Duration {
	lifetime := int64(s.terms.Lifetime / time.Second)
	first, last := (7*lifetime+9)/10, 9*lifetime/10
	if last < first {
		return time.Duration(max(last, 1)) * time.Second
	}
	drawn := int64(s.entropy.Fraction() * float64(last-first+1))
	return time.Duration(first+min(drawn, last-first)) * time.Second
}

// untilSigner is how long until a key may sign, within bounds that make sense to a caller.
func untilSigner(ring *keys.Keyring, now time.Time) time.Duration {
	from, waits := ring.NextSignerFrom(now)
	if !waits {
		return maxRetryIn
	}
	return min(max(from.Sub(now), retryIn), maxRetryIn)
}
