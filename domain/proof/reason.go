package proof

import "github.com/offload/sessiond/domain/failure"

// Reason is why a proof was rejected: a word for telemetry, which clients never see.
type Reason string

// The reasons, in the order of the checks.
const (
	ReasonDowngrade  Reason = "downgrade"
	ReasonMissing    Reason = "missing"
	ReasonMultiple   Reason = "multiple"
	ReasonTooLarge   Reason = "too_large"
	ReasonMalformed  Reason = "malformed"
	ReasonType       Reason = "typ"
	ReasonAlgorithm  Reason = "alg"
	ReasonCritical   Reason = "crit"
	ReasonKey        Reason = "jwk"
	ReasonPrivateKey Reason = "private_key"
	ReasonSignature  Reason = "signature"
	ReasonClaims     Reason = "claims"
	ReasonID         Reason = "jti"
	ReasonForwarded  Reason = "forwarded"
	ReasonMethod     Reason = "htm"
	ReasonURI        Reason = "htu"
	ReasonNonce      Reason = "nonce"
	ReasonStale      Reason = "stale"
	ReasonFuture     Reason = "future"
	ReasonNoToken    Reason = "ath_missing"
	ReasonToken      Reason = "ath"
	ReasonUnbound    Reason = "unbound"
	ReasonBinding    Reason = "binding"
	ReasonReplayed   Reason = "replayed"
)

// Reasons returns every reason, in the order of the checks. ReasonKey is listed once for its two
// checks: that there is a key comes before the check of ReasonPrivateKey, that it is valid after
// it.
func Reasons() []Reason {
	return []Reason{
		ReasonDowngrade, ReasonMissing, ReasonMultiple, ReasonTooLarge, ReasonMalformed, ReasonType,
		ReasonAlgorithm, ReasonCritical, ReasonKey, ReasonPrivateKey, ReasonSignature, ReasonClaims,
		ReasonID, ReasonForwarded, ReasonMethod, ReasonURI, ReasonNonce, ReasonStale, ReasonFuture,
		ReasonNoToken, ReasonToken, ReasonUnbound, ReasonBinding, ReasonReplayed,
	}
}

// Rejection is the error for a proof that was not accepted, or that is missing. Its kind is
// failure.InvalidProof, failure.ProofNonceRequired or failure.InvalidToken.
type Rejection struct {
	Reason Reason
	// Access is true on a protected path, where a token that is not bound to the key of the proof
	// is an invalid token. For a request to issue, the proof is invalid.
	Access bool
}

// Error implements error. It names the reason.
func (r *Rejection) Error() string { return "proof rejected: " + string(r.Reason) }

// FailureKind implements failure.Kinded. It returns as much as the client may know of the reason.
func (r *Rejection) FailureKind() failure.Kind {
	switch r.Reason { //nolint:exhaustive // every other reason has the same kind, by contract.
	case ReasonNonce, ReasonStale, ReasonFuture:
		return failure.ProofNonceRequired
	case ReasonDowngrade, ReasonUnbound, ReasonBinding:
		if r.Access {
			return failure.InvalidToken
		}
	}
	return failure.InvalidProof
}

func reject(reason Reason) error { return &Rejection{Reason: reason} }
