package proof

import (
	"crypto/sha256"
	"crypto/subtle"
	"time"

	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/strict"
)

// The time of a proof, in relation to that of the service.
const (
	// Past is how long ago a proof may have been made, and Future how far ahead its time may be.
	Past   = 300 * time.Second
	Future = 60 * time.Second
	// Memory is how long an accepted proof is remembered: Past and Future and the second in which
	// both end, which is the longest time for which one proof is accepted, and so long that the
	// clocks of replicas may differ by 29 s each way.
	Memory = 420 * time.Second
)

// Presented is what a request presents, and what it is judged by.
type Presented struct {
	// Proofs are the values of the DPoP header, one for each header line.
	Proofs []string
	// Target is what the proof must be for.
	Target Target
	// Token is the text of the token in the Authorization header, whether or not it is valid; ""
	// if there is none.
	Token string
	// Bearer reports whether the token has the scheme Bearer. It has DPoP otherwise.
	Bearer bool
	// Nonces says which nonces are accepted; nil accepts none.
	Nonces Acceptor
	// Now is the time.
	Now time.Time
}

// Issue judges a request for a session of an installation. bound reports whether the session is to
// be bound to the key of the proof, whose thumbprint the install id then is. Without a proof it is
// false, and the request is rejected (ReasonMissing) unless binding admits a bearer session of the
// installation.
//
// The token, if it has the scheme DPoP, must be that of the proof, whatever it is good for. A token
// with the scheme Bearer is not looked at. Issue fails with a Rejection.
func (p Presented) Issue(id session.InstallID, binding session.Binding) (proof Proof, bound bool,
	err error) {
	if len(p.Proofs) == 0 && binding.AdmitsBearer(id) {
		return Proof{}, false, nil
	}
	token := p.Token
	if p.Bearer {
		token = ""
	}
	proof, err = p.judge(token)
	if err != nil {
		return Proof{}, false, err
	}
	if proof.key.Text() != id.Text() {
		return Proof{}, false, reject(ReasonBinding)
	}
	return proof, true, nil
}

// Access judges the use of a token on a protected path. The token has passed all of its own checks;
// bound says whether it is bound to a key, and id is its install id. An unbound token with the
// scheme Bearer needs no proof. Access fails with a Rejection.
func (p Presented) Access(bound bool, id session.InstallID) error {
	if err := p.downgrade(bound); err != nil || p.Bearer {
		return err
	}
	proof, err := p.judge(p.Token)
	switch {
	case err != nil:
		return err
	case !bound:
		return &Rejection{Reason: ReasonUnbound, Access: true}
	case proof.key.Text() != id.Text():
		return &Rejection{Reason: ReasonBinding, Access: true}
	}
	return nil
}

// downgrade makes the first check of Access alone: a token that is bound to a key must not have the
// scheme Bearer. It fails with a Rejection.
func (p Presented) downgrade(bound bool) error {
	if bound && p.Bearer {
		return &Rejection{Reason: ReasonDowngrade, Access: true}
	}
	return nil
}

// judge reads the proof and makes the checks that do not depend on whose key it is. token is that
// which the proof must name; "" if none.
func (p Presented) judge(token string) (Proof, error) {
	proof, err := Parse(p.Proofs)
	if err != nil {
		return Proof{}, err
	}
	if reason := proof.fault(p, token); reason != "" {
		return Proof{}, reject(reason)
	}
	return proof, nil
}

// fault returns the first reason for which the proof is not one for what is presented; "" if there
// is none.
func (p Proof) fault(presented Presented, token string) Reason {
	target, now := presented.Target, presented.Now.Unix()
	switch {
	case target.method == "":
		return ReasonForwarded
	case p.method != target.method:
		return ReasonMethod
	case !target.includes(p.uri):
		return ReasonURI
	}
	// A nonce says when the proof was made, so that the client's clock does not matter. One that is
	// not accepted is a fault also if the time is right: a thief could make proofs with a time in
	// the future in advance.
	fresh := false
	if p.nonce.given {
		fresh = presented.Nonces != nil && presented.Nonces.Accepts(p.nonce.text, presented.Now)
		if !fresh {
			return ReasonNonce
		}
	}
	switch {
	case p.expires <= now: // the client's word, also beside a nonce (RFC 7519 §4.1.4)
		return ReasonStale
	case !fresh && p.issuedAt < now-int64(Past/time.Second):
		return ReasonStale
	case !fresh && p.issuedAt > now+int64(Future/time.Second):
		return ReasonFuture
	}
	switch {
	case token == "":
		return ""
	case !p.ath.given:
		return ReasonNoToken
	case !isDigest(p.ath.text, token):
		return ReasonToken
	}
	return ""
}

// isDigest reports in constant time whether text is the digest of token (RFC 9449 §4.2, ath).
func isDigest(text, token string) bool {
	digest := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare([]byte(text), []byte(strict.EncodeBase64(digest[:]))) == 1
}
