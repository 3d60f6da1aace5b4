package issue

import (
	"context"
	"errors"
	"time"

	"github.com/offload/sessiond/domain/proof"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/domain/token"
	"github.com/offload/sessiond/ports"
)

// possession is what a request has proved. The zero value is nothing.
type possession struct {
	// bound is true if it has the device key whose thumbprint the install id is.
	bound bool
	// use is the check that the proof was not used before, if bound is true.
	use throttle.Check
}

// judge judges the proof of a request, presented with a token if it has one. It fails with a
// *proof.Rejection or a *proof.Challenge. Whether the proof was used before is decided later, with
// the limits.
func (s *Service) judge(ctx context.Context, request ports.IssueRequest, presented token.Presented,
	now time.Time) (possession, error) {
	if !s.settings.Binding.On() {
		return possession{}, nil
	}
	of := proof.Presented{Proofs: request.Credentials.Proofs, Target: request.Credentials.Target,
		Token: presented.Text, Bearer: presented.Scheme == token.SchemeBearer, Nonces: s.nonces,
		Now: now}
	judged, bound, err := of.Issue(request.Session.InstallID(), s.settings.Binding)
	if rejection, ok := errors.AsType[*proof.Rejection](err); ok {
		s.events.Record(ctx, ports.ProofJudged{Reason: rejection.Reason})
	}
	if err != nil || !bound {
		return possession{}, s.nonces.Challenge(err, now)
	}
	return possession{bound: true, use: throttle.Check{Dimension: throttle.ByProof,
		Subject: s.digester.Subject(throttle.ByProof, judged.ReplaySubject()),
		Limit:   throttle.ProofLimit, Window: proof.Memory}}, nil
}

// used reports whether a decision refused the proof of a request, and records whether it did.
func (s *Service) used(ctx context.Context, of possession, refusal *throttle.Refusal) bool {
	if !of.bound {
		return false
	}
	var judged ports.ProofJudged
	if refusal != nil && refusal.Dimension == throttle.ByProof {
		judged.Reason = proof.ReasonReplayed
	}
	s.events.Record(ctx, judged)
	return judged.Reason != ""
}

// errUsed is the error for a proof that was used before.
func errUsed() error { return &proof.Rejection{Reason: proof.ReasonReplayed} }
