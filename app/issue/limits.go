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

// Limits bounds how many sessions are issued to clients and installations.
type Limits struct {
	// PerAddress, PerNetwork and PerInstall are the maximum numbers of new sessions in each window.
	// If PerNetwork is 0, networks are not limited.
	PerAddress, PerNetwork, PerInstall int
	// RenewalsPerInstall and RenewalsPerAddress are the maximum numbers of renewals in each window.
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

// checkLimits takes the grants for a session from the limiter, and uses up the proof if there is
// one. It fails with a *proof.Rejection, a *throttle.Refusal or a *ports.Unavailable. The decision
// is undecided if no grant was taken: either the storage did not decide, or the mode is Observe and
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
			// Decided first and alone, so that the proof is remembered even if a limit refuses.
			if s.useAlone(ctx, proved) {
				return throttle.Decision{}, errReplayed()
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
	if s.recordUse(ctx, proved, refusal) {
		return throttle.Decision{}, errReplayed()
	}
	if !refused {
		return decision, nil
	}
	install := s.installOf(&checks, id)
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

// installOf returns the subject by which telemetry names an installation: that of ByInstall, also
// for renewals, so that an installation has one name.
func (s *Service) installOf(checks *throttle.Checks, id session.InstallID) throttle.Subject {
	for i := range checks.Len() {
		if check := checks.At(i); check.Dimension == throttle.ByInstall {
			return check.Subject
		}
	}
	return s.digester.Subject(throttle.ByInstall, id.Text())
}

// useAlone uses up a proof without checking any limit, and reports whether it was used before. If
// the storage fails, it returns false: in mode Observe an outage refuses nothing.
func (s *Service) useAlone(ctx context.Context, proved possession) bool {
	decision, err := s.limiter.Decide(ctx, s.clock.Instant(), throttle.NewChecks(proved.use))
	if err != nil {
		return false
	}
	refusal, _ := decision.Refusal()
	return s.recordUse(ctx, proved, refusal)
}

// Subject returns the text of the subject that a client with an address and an install id has in a
// dimension. limited is false if the dimension is not limited, or if the client has no subject in
// it.
func (l Limits) Subject(dimension throttle.Dimension, client netip.Addr,
	id session.InstallID) (text string, limited bool) {
	switch {
	case l.Of(dimension) == 0, dimension == throttle.ByProof: // the subject of ByProof is no client
		return "", false
	case dimension.Shared():
		prefix, ok := l.prefix(dimension, client)
		if !ok {
			return "", false
		}
		return prefix.String(), true
	}
	return id.Text(), true
}

// prefix returns the range of addresses that is the subject of a client in a dimension that
// installations share; ok is false if there is none.
func (l Limits) prefix(dimension throttle.Dimension, client netip.Addr) (prefix netip.Prefix,
	ok bool) {
	if dimension == throttle.ByNetwork {
		return clientaddr.Network(client, l.IPv6Prefix)
	}
	return clientaddr.Truncate(client, l.IPv6Prefix), true
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

// check returns the check of a dimension; limited is false if the client is not limited in it. The
// text of its subject is that of Limits.Subject, but check does not allocate it.
func (s *Service) check(dimension throttle.Dimension, client netip.Addr,
	id session.InstallID) (check throttle.Check, limited bool) {
	limit := s.limits.Of(dimension)
	if limit == 0 {
		return throttle.Check{}, false
	}
	check = throttle.Check{Dimension: dimension, Limit: limit, Window: s.limits.Window}
	if !dimension.Shared() {
		check.Subject = s.digester.Subject(dimension, id.Text())
		return check, true
	}
	prefix, ok := s.limits.prefix(dimension, client)
	if !ok {
		return throttle.Check{}, false
	}
	var space [len("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128")]byte
	check.Subject = s.digester.Subject(dimension, string(appendPrefix(space[:0], prefix)))
	return check, true
}

// appendPrefix appends the text of prefix.String. Unlike AppendTo, it does so for the zero prefix,
// too.
func appendPrefix(to []byte, prefix netip.Prefix) []byte {
	if !prefix.IsValid() {
		return append(to, prefix.String()...)
	}
	return prefix.AppendTo(to)
}
