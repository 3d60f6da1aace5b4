package proof

import (
	"crypto/sha256"
	"crypto/subtle"
	"time"

	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/strict"
)

// Bounds of the time of a proof, relative to the time of the service.
const (
	// Past is how long ago a proof may have been made.
	Past = 300 * time.Second
	// Future is how far ahead of the service's time the time of a proof may be.
	Future = 60 * time.Second
	// Memory is how long an accepted proof is remembered. One proof is accepted for at most
	// Past + Future + 1 s, because whole seconds are compared. Memory is 59 s longer, so the clocks
	// of replicas may differ from the true time by 29 s in either direction.
	Memory = 420 * time.Second
)

// Presented is what a request presents, and the facts by which it is judged.
type Presented struct {
	// Proofs are the values of the DPoP header, one for each header line.
	Proofs []string
	// Target is the request that the proof must be for.
	Target Target
	// Token is the text of the token in the Authorization header, whether or not it is valid; ""
	// if there is none.
	Token string
	// Bearer reports whether the token has the scheme Bearer. Otherwise it has the scheme DPoP.
	Bearer bool
	// Nonces decides which nonces are accepted; nil accepts none.
	Nonces Acceptor
	// Now is the current time.
	Now time.Time
}

// Issue judges a request for a session of an installation. bound reports whether the session must
// be bound to the key of the proof; the install id is then the key's thumbprint. Without a proof,
// bound is false, and the request is rejected (ReasonMissing) unless binding admits a bearer
// session of the installation.
//
// If the token has the scheme DPoP, the proof must have its digest, whether or not the token is
// valid. A token with the scheme Bearer is ignored. Issue fails with a *Rejection.
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
// bound reports whether it is bound to a key, and id is its install id. An unbound token with the
// scheme Bearer needs no proof. Access fails with a *Rejection.
func (p Presented) Access(bound bool, id session.InstallID) error {
	if err := p.checkDowngrade(bound); err != nil || p.Bearer {
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

// checkDowngrade makes the first check of Access alone: a token that is bound to a key must not
// have the scheme Bearer. It fails with a *Rejection.
func (p Presented) checkDowngrade(bound bool) error {
	if bound && p.Bearer {
		return &Rejection{Reason: ReasonDowngrade, Access: true}
	}
	return nil
}

// judge reads the proof and makes the checks that do not depend on the owner of its key. token is
// the token whose digest the proof must have; "" if it needs none.
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

// fault returns the reason of the first check that the proof fails for the presented request and
// token; "" if it passes.
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
	// A nonce shows when the proof was made, so that the client's clock does not matter. A nonce
	// that is not accepted is a fault even if the time is right: a thief who once had the key could
	// have made proofs for later times.
	fresh := false
	if p.nonce.given {
		fresh = presented.Nonces != nil && presented.Nonces.Accepts(p.nonce.text, presented.Now)
		if !fresh {
			return ReasonNonce
		}
	}
	switch {
	case p.expires <= now: // the client's own limit, which holds even with a nonce (RFC 7519 §4.1.4)
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

// isDigest reports whether text is the digest of token (RFC 9449 §4.2, ath), in constant time.
func isDigest(text, token string) bool {
	digest := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare([]byte(text), []byte(strict.EncodeBase64(digest[:]))) == 1
}
