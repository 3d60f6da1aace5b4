package token

import "github.com/offload/sessiond/domain/failure"

// Reason is why a token was rejected: a word for telemetry, never shown to the caller.
type Reason string

// The reasons, in the order of the checks. Those before ReasonTooLong are about the Authorization
// header.
const (
	ReasonMissing         Reason = "missing"
	ReasonCredentials     Reason = "credentials"
	ReasonTooLong         Reason = "too_long"
	ReasonSegments        Reason = "segments"
	ReasonEncoding        Reason = "encoding"
	ReasonSignatureLength Reason = "signature_length"
	ReasonJSON            Reason = "json"
	ReasonHeader          Reason = "header"
	ReasonUnknownKey      Reason = "unknown_key"
	ReasonAlgorithm       Reason = "algorithm"
	ReasonSignature       Reason = "signature"
	ReasonClaimMissing    Reason = "claim_missing"
	ReasonClaimType       Reason = "claim_type"
	ReasonClaimBounds     Reason = "claim_bounds"
	ReasonVersion         Reason = "version"
	ReasonBinding         Reason = "binding"
	ReasonIssuer          Reason = "issuer"
	ReasonAudience        Reason = "audience"
	ReasonInstants        Reason = "instants"
	ReasonNotYetValid     Reason = "not_yet_valid"
	ReasonExpired         Reason = "expired"
)

// Reasons returns every reason, in the order of the checks.
func Reasons() []Reason {
	return []Reason{
		ReasonMissing, ReasonCredentials, ReasonTooLong, ReasonSegments, ReasonEncoding,
		ReasonSignatureLength, ReasonJSON, ReasonHeader, ReasonUnknownKey, ReasonAlgorithm,
		ReasonSignature, ReasonClaimMissing, ReasonClaimType, ReasonClaimBounds, ReasonVersion,
		ReasonBinding, ReasonIssuer, ReasonAudience, ReasonInstants, ReasonNotYetValid,
		ReasonExpired,
	}
}

// Rejection is a token, or an Authorization header, that was not accepted. Its kind is
// failure.Unauthorized, failure.ExpiredToken or failure.InvalidToken.
type Rejection struct {
	Reason Reason
	// Bindable is true if credentials are missing where sessions can be bound to device keys, so
	// that the client is told of both schemes.
	Bindable bool
}

// Error implements error. It names the reason.
func (r *Rejection) Error() string { return "token rejected: " + string(r.Reason) }

// FailureKind implements failure.Kinded. It returns what the caller may know of the reason.
func (r *Rejection) FailureKind() failure.Kind {
	switch r.Reason { //nolint:exhaustive // every other reason has the same kind, by contract.
	case ReasonMissing:
		return failure.Unauthorized
	case ReasonExpired:
		return failure.ExpiredToken
	default:
		return failure.InvalidToken
	}
}

func reject(reason Reason) error { return &Rejection{Reason: reason} }
