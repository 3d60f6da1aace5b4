package proof_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/failure"
	"github.com/offload/sessiond/domain/proof"
)

// attempt is the use of a token on a protected path, which the steps of the test change.
type attempt struct {
	draft
	forged      bool   // the signature is that of another text
	tail        string // appended to the proof
	twice, none bool   // the proof is presented twice, or not at all
	target      proof.Target
	bound       bool // the token is bound to a key
	ownID       bool // the install id is the thumbprint of the device's key
	bearer      bool // the token has the scheme Bearer
}

func (a attempt) reason(t *testing.T) proof.Reason {
	t.Helper()
	text := a.text()
	if a.forged {
		first := text[:strings.LastIndexByte(text, '.')+1]
		text = first + encoded(string(a.device.key.Sign([]byte(first)))) // of another text
	}
	text += a.tail
	p := presented(text)
	if a.twice {
		p.Proofs = append(p.Proofs, text)
	}
	if a.none {
		p.Proofs = nil
	}
	p.Target, p.Token, p.Bearer = a.target, access, a.bearer
	id := a.device.thumbprint()
	if !a.ownID {
		id = anInstallID
	}
	return reasonOf(t, p.Access(a.bound, installID(t, id)))
}

// TestOrderOfChecks makes one check after the other fail, from the last check to the first, and
// keeps every earlier flaw: the reason must always be that of the newest flaw.
func TestOrderOfChecks(t *testing.T) {
	set := func(change func(draft) draft) func(*attempt) {
		return func(a *attempt) { a.draft = change(a.draft) }
	}
	steps := []struct {
		reason proof.Reason
		apply  func(*attempt)
	}{
		{proof.ReasonBinding, func(a *attempt) { a.ownID = false }},
		{proof.ReasonUnbound, func(a *attempt) { a.bound = false }},
		{proof.ReasonToken, set(func(d draft) draft { return d.withToken("another") })},
		{proof.ReasonNoToken, set(func(d draft) draft {
			d.claims = d.claims.without("ath")
			return d
		})},
		{proof.ReasonFuture, set(claim("iat", `1e400`))},
		{proof.ReasonStale, set(claim("exp", `0`))},
		{proof.ReasonNonce, set(claim("nonce", `"x"`))},
		{proof.ReasonURI, set(claim("htu", `"x"`))},
		{proof.ReasonMethod, set(claim("htm", `"x"`))},
		{proof.ReasonForwarded, func(a *attempt) { a.target = proof.Target{} }},
		{proof.ReasonID, set(claim("jti", `""`))},
		{proof.ReasonClaims, set(claim("iat", `""`))},
		{proof.ReasonSignature, func(a *attempt) { a.forged = true }},
		{proof.ReasonKey, set(key("use", `"enc"`))},
		{proof.ReasonPrivateKey, set(func(d draft) draft {
			return d.headed("jwk", d.device.jwk.with("use", `"enc"`).with("d", `""`).json())
		})},
		{proof.ReasonKey, set(header("jwk", `null`))},
		{proof.ReasonCritical, set(header("crit", `[]`))},
		{proof.ReasonAlgorithm, set(header("alg", `""`))},
		{proof.ReasonType, set(header("typ", `""`))},
		{proof.ReasonMalformed, func(a *attempt) { a.tail = "=" }},
		{proof.ReasonTooLarge, func(a *attempt) { a.tail = strings.Repeat("A", 8192) }},
		{proof.ReasonMultiple, func(a *attempt) { a.twice = true }},
		{proof.ReasonMissing, func(a *attempt) { a.none = true }},
		{proof.ReasonDowngrade, func(a *attempt) { a.bearer, a.bound = true, true }},
	}
	for name, d := range map[string]device{"OKP": okp, "EC": ec} {
		t.Run(name, func(t *testing.T) {
			a := attempt{draft: d.valid().withToken(access), target: proof.NewTarget(method, uri),
				bound: true, ownID: true}
			require.Empty(t, a.reason(t))
			var seen []proof.Reason
			for _, step := range steps {
				step.apply(&a)
				require.Equal(t, step.reason, a.reason(t))
				seen = append(seen, step.reason)
			}
			slices.Reverse(seen)
			first := seen[:0]
			for _, reason := range append(seen, proof.ReasonReplayed) {
				if !slices.Contains(first, reason) {
					first = append(first, reason)
				}
			}
			assert.Equal(t, proof.Reasons(), first)
		})
	}
}

// TestKinds pins the kind of each reason, for requests to issue and for protected paths.
func TestKinds(t *testing.T) {
	for _, reason := range proof.Reasons() {
		issue, protected := failure.InvalidProof, failure.InvalidProof
		switch reason { //nolint:exhaustive // the other reasons have the kinds above.
		case proof.ReasonNonce, proof.ReasonStale, proof.ReasonFuture:
			issue, protected = failure.ProofNonceRequired, failure.ProofNonceRequired
		case proof.ReasonDowngrade, proof.ReasonUnbound, proof.ReasonBinding:
			protected = failure.InvalidToken
		}
		assert.Equal(t, issue, (&proof.Rejection{Reason: reason}).FailureKind(), reason)
		assert.Equal(t, protected, (&proof.Rejection{Reason: reason, Access: true}).FailureKind(),
			reason)
	}
	assert.EqualError(t, &proof.Rejection{Reason: proof.ReasonStale}, "proof rejected: stale")
}
