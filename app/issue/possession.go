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

// possession is what the proof of a request has proved. In the zero value there is no proof.
type possession struct {
	// bound is true if the client has the device key whose thumbprint is the install id.
	bound bool
	// use is the check that the proof was not used before, if bound is true.
	use throttle.Check
}

// judge judges the proof of a request, which may also present a token, and records a rejection. It
// fails with a *proof.Rejection or a *proof.Challenge. Whether the proof was used before is decided
// later, with the limits.
func (s *Service) judge(ctx context.Context, request ports.IssueRequest, presented token.Presented,
	now time.Time) (possession, error) {
	if !s.settings.Binding.On() {
		return possession{}, nil
	}
	evidence := proof.Presented{Proofs: request.Credentials.Proofs,
		Target: request.Credentials.Target, Token: presented.Text,
		Bearer: presented.Scheme == token.SchemeBearer, Nonces: s.nonces, Now: now}
	judged, bound, err := evidence.Issue(request.Session.InstallID(), s.settings.Binding)
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

// recordUse records the outcome for the proof of a request, if there is one, and reports whether
// the proof was used before: then it is what refused the decision. refusal may be nil.
func (s *Service) recordUse(ctx context.Context, proved possession,
	refusal *throttle.Refusal) (replayed bool) {
	if !proved.bound {
		return false
	}
	var judged ports.ProofJudged
	if refusal != nil && refusal.Dimension == throttle.ByProof {
		judged.Reason = proof.ReasonReplayed
	}
	s.events.Record(ctx, judged)
	return judged.Reason != ""
}

// errReplayed returns the error for a proof that was used before.
func errReplayed() error { return &proof.Rejection{Reason: proof.ReasonReplayed} }
