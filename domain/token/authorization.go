package token

import (
	"strings"

	"github.com/offload/sessiond/domain/failure"
	"github.com/offload/sessiond/domain/session"
)

// Scheme is how a request presents a token.
type Scheme uint8

// The schemes.
const (
	// SchemeBearer presents a token without further proof (RFC 6750).
	SchemeBearer Scheme = iota
	// SchemeDPoP presents a token with a proof of the device key that it is bound to (RFC 9449).
	SchemeDPoP
)

// String returns the name of the scheme in headers.
func (s Scheme) String() string {
	if s == SchemeDPoP {
		return "DPoP"
	}
	return "Bearer"
}

// Presented is a token as a request presents it.
type Presented struct {
	Scheme Scheme
	Text   string
}

// The values of WWW-Authenticate for a request without credentials, and the beginnings of
// others (RFC 6750 §3, RFC 9449 §7.1).
const (
	bearerChallenge = `Bearer realm="offload"`
	proofScheme     = "DPoP "
	proofAlgorithms = `algs="ES256 EdDSA"`
)

// Challenges returns the values of WWW-Authenticate for a failure of the given kind, one for each
// header line; none for a kind that does not concern credentials. bindable says whether sessions
// can be bound to device keys.
func Challenges(kind failure.Kind, bindable bool) []string {
	switch kind { //nolint:exhaustive // the other kinds do not concern credentials.
	case failure.Unauthorized:
		if bindable {
			return []string{bearerChallenge, proofScheme + proofAlgorithms}
		}
		return []string{bearerChallenge}
	case failure.InvalidToken:
		return []string{bearerChallenge + `, error="invalid_token"`}
	case failure.ExpiredToken:
		return []string{bearerChallenge + `, error="invalid_token", error_description="expired"`}
	case failure.InvalidProof:
		return []string{proofScheme + `error="invalid_dpop_proof", ` + proofAlgorithms}
	case failure.ProofNonceRequired:
		return []string{proofScheme + `error="use_dpop_nonce", ` + proofAlgorithms}
	default:
		return nil
	}
}

// FromAuthorization returns the token in the values of the Authorization headers of a request (RFC
// 6750 §2.1): the scheme in any case, one or more spaces, the token. The scheme is Bearer, or DPoP
// where sessions can be bound (RFC 9449 §7.1). It fails with a Rejection: ReasonMissing if there
// are no such credentials, ReasonCredentials if there is more than one header, or anything after
// the token.
func FromAuthorization(values []string, binding session.Binding) (Presented, error) {
	switch len(values) {
	case 0:
		return Presented{}, missing(binding)
	case 1:
	default:
		return Presented{}, reject(ReasonCredentials)
	}
	name, rest, _ := strings.Cut(strings.Trim(values[0], " \t"), " ")
	presented := Presented{Text: strings.TrimLeft(rest, " ")}
	switch {
	case strings.EqualFold(name, SchemeBearer.String()):
	case binding.On() && strings.EqualFold(name, SchemeDPoP.String()):
		presented.Scheme = SchemeDPoP
	default:
		return Presented{}, missing(binding)
	}
	if presented.Text == "" {
		return Presented{}, missing(binding)
	}
	// twice, because ContainsAny looks each byte up
	if strings.Contains(presented.Text, " ") || strings.Contains(presented.Text, "\t") {
		return Presented{}, reject(ReasonCredentials)
	}
	return presented, nil
}

func missing(binding session.Binding) error {
	return &Rejection{Reason: ReasonMissing, Bindable: binding.On()}
}
