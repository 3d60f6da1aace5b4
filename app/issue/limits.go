package issue

import (
	"context"
	"net/netip"
	"time"

	"github.com/offload/sessiond/domain/clientaddr"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// Limits bounds how many sessions clients and installations are issued.
type Limits struct {
	// PerAddress, PerNetwork and PerInstall are the new sessions in each window. PerNetwork may be
	// 0: a network is then not limited.
	PerAddress, PerNetwork, PerInstall int
	// RenewalsPerInstall and RenewalsPerAddress are the renewals in each window.
	RenewalsPerInstall, RenewalsPerAddress int
	// Window is above 0.
	Window time.Duration
	Mode   ports.ThrottleMode
	// IPv6Prefix is how many bits of an IPv6 address count as one client: 32 to 128.
	IPv6Prefix int
}

// Of returns the limit of a dimension, and 0 for one that is not limited.
func (l Limits) Of(dimension throttle.Dimension) int {
	switch dimension {
	case throttle.ByAddress:
		return l.PerAddress
	case throttle.ByNetwork:
		return l.PerNetwork
	case throttle.ByInstall:
		return l.PerInstall
	case throttle.ByRenewal:
		return l.RenewalsPerInstall
	case throttle.ByRenewalAddress:
		return l.RenewalsPerAddress
	case throttle.ByProof:
		return throttle.ProofLimit
	}
	return 0
}

// checkLimits takes a grant from the limiter, and uses the proof if there is one. The decision is
// undecided if no grant was taken: either the storage did not decide, or the mode is Observe and
// the request was over a limit.
func (s *Service) checkLimits(ctx context.Context, id session.InstallID, client netip.Addr,
	renewed bool, proved possession) (throttle.Decision, error) {
	var checks throttle.Checks
	if renewed {
		checks = s.renewal(id, client)
	} else {
		checks = s.newSession(id, client)
	}
	if proved.bound {
		if s.limits.Mode == ports.Observe {
			// Decided first and alone, so that it is remembered whatever the limits say.
			if s.useAlone(ctx, proved) {
				return throttle.Decision{}, errUsed()
			}
			proved = possession{}
		} else {
			checks = checks.With(proved.use)
		}
	}
	decision, err := s.limiter.Decide(ctx, s.clock.Instant(), checks)
	if err != nil {
		if s.limits.Mode == ports.Observe {
			return throttle.Decision{}, nil
		}
		return throttle.Decision{}, &ports.Unavailable{RetryAfter: retryAfter, Cause: err}
	}
	refusal, refused := decision.Refusal()
	if s.used(ctx, proved, refusal) {
		return throttle.Decision{}, errUsed()
	}
	if !refused {
		return decision, nil
	}
	// Telemetry shows one name for an installation, whether it was new or renewed.
	install := s.digester.Subject(throttle.ByInstall, id.Text())
	refusal.Spread(install)
	s.events.Record(ctx, ports.IssuanceThrottled{
		Dimension: refusal.Dimension, Mode: s.limits.Mode,
		RetryAfterSeconds: refusal.RetryAfterSeconds(), Install: install,
	})
	if s.limits.Mode == ports.Observe {
		return throttle.Decision{}, nil
	}
	return throttle.Decision{}, refusal
}

// useAlone uses a proof without any limit, and reports whether it was used before. During an outage
// in which nothing decides, it was not: in mode Observe an outage refuses nothing.
func (s *Service) useAlone(ctx context.Context, proved possession) bool {
	decision, err := s.limiter.Decide(ctx, s.clock.Instant(), throttle.NewChecks(proved.use))
	if err != nil {
		return false
	}
	refusal, _ := decision.Refusal()
	return s.used(ctx, proved, refusal)
}

// Subject returns the text of the subject that a client with an address and an install id has in a
// dimension. It returns false if the dimension is not limited, or if the client has no subject in
// it.
func (l Limits) Subject(dimension throttle.Dimension, client netip.Addr,
	id session.InstallID) (text string, limited bool) {
	if l.Of(dimension) == 0 {
		return "", false
	}
	switch dimension {
	case throttle.ByAddress, throttle.ByRenewalAddress:
		return clientaddr.Truncate(client, l.IPv6Prefix).String(), true
	case throttle.ByNetwork:
		network, ok := clientaddr.Network(client, l.IPv6Prefix)
		if !ok {
			return "", false
		}
		return network.String(), true
	case throttle.ByInstall, throttle.ByRenewal:
		return id.Text(), true
	case throttle.ByProof: // its subject is no client
	}
	return "", false
}

// newSession returns the checks of a new session, in the order in which they are reported.
func (s *Service) newSession(id session.InstallID, client netip.Addr) throttle.Checks {
	address, _ := s.check(throttle.ByAddress, client, id)
	install, _ := s.check(throttle.ByInstall, client, id)
	network, limited := s.check(throttle.ByNetwork, client, id)
	if !limited {
		return throttle.NewChecks(address, install)
	}
	return throttle.NewChecks(address, network, install)
}

// renewal returns the checks of a renewal, in the order in which they are reported. None of its
// subjects is one of a new session, so that a stranger who knows an install id cannot use up the
// renewals of its holder.
func (s *Service) renewal(id session.InstallID, client netip.Addr) throttle.Checks {
	install, _ := s.check(throttle.ByRenewal, client, id)
	address, _ := s.check(throttle.ByRenewalAddress, client, id)
	return throttle.NewChecks(install, address)
}

// check returns the check of a dimension; false if the client is not limited in it.
func (s *Service) check(dimension throttle.Dimension, client netip.Addr,
	id session.InstallID) (throttle.Check, bool) {
	text, limited := s.limits.Subject(dimension, client, id)
	if !limited {
		return throttle.Check{}, false
	}
	return throttle.Check{Dimension: dimension, Subject: s.digester.Subject(dimension, text),
		Limit: s.limits.Of(dimension), Window: s.limits.Window}, true
}
