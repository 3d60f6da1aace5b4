package token

import "strings"

// FromAuthorization takes the token out of the values of a request's Authorization headers (RFC 6750 §2.1): Bearer in any case, one or
// more spaces, the token. It fails with a Rejection: ReasonMissing where there are no such credentials, ReasonCredentials
// where there is more than one header, or anything behind the token.
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
