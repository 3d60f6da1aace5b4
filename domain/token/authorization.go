package token

import (
	"strings"

	"github.com/offload/sessiond/domain/failure"
)

// challenge is the value of WWW-Authenticate for a request without credentials (RFC 6750 §3).
const challenge = `Bearer realm="offload"`

// Challenge returns the value of WWW-Authenticate for a rejection of the given kind; it is empty
// for a kind that no Rejection has.
func Challenge(kind failure.Kind) string {
	switch kind { //nolint:exhaustive // the other kinds do not concern credentials.
	case failure.Unauthorized:
		return challenge
	case failure.InvalidToken:
		return challenge + `, error="invalid_token"`
	case failure.ExpiredToken:
		return challenge + `, error="invalid_token", error_description="expired"`
	default:
		return ""
	}
}

// FromAuthorization returns the token in the values of the Authorization headers of a request (RFC
// 6750 §2.1): Bearer in any case, one or more spaces, the token. It fails with a Rejection:
// ReasonMissing if there are no such credentials, ReasonCredentials if there is more than one
// header, or anything after the token.
func FromAuthorization(values []string) (string, error) {
	switch len(values) {
	case 0:
		return "", reject(ReasonMissing)
	case 1:
	default:
		return "", reject(ReasonCredentials)
	}
	scheme, rest, _ := strings.Cut(strings.Trim(values[0], " \t"), " ")
	text := strings.TrimLeft(rest, " ")
	if !strings.EqualFold(scheme, "Bearer") || text == "" {
		return "", reject(ReasonMissing)
	}
	if strings.ContainsAny(text, " \t") {
		return "", reject(ReasonCredentials)
	}
	return text, nil
}
