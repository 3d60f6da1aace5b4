package token

import (
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/strict"
)

// claim is the index of a claim in the order of the contract.
type claim int

// The claims.
const (
	claimVersion claim = iota
	claimKeyID
	claimIssuedAt
	claimNotBefore
	claimIssuer
	claimAudience
	claimInstallID
	claimExpiresAt
	claimConfirmation // of bound sessions only
	claimCount
)

// claimFields are the names of the claims.
var claimFields = strict.NewFields("v", "kid", "iat", "nbf", "iss", "aud", "install_id", "exp",
	"cnf")

// confirmationThumbprint is the only member of cnf: the thumbprint of the device key (RFC 9449
// §6.1).
const confirmationThumbprint = "jkt"

// claimValues are the values of the claims in a payload. The Raw of one that is missing is empty.
type claimValues [claimCount]strict.Found

// readClaims makes check 9, and refuses versions that are never accepted, which is a part of check
// 10.
func readClaims(values *claimValues) (session.Claims, error) {
	var r claimReader
	version := r.integer(&values[claimVersion])
	kid := r.text(&values[claimKeyID])
	claims := session.Claims{
		IssuedAt:  r.integer(&values[claimIssuedAt]),
		NotBefore: r.integer(&values[claimNotBefore]),
		Issuer:    r.text(&values[claimIssuer]),
		Audience:  r.text(&values[claimAudience]),
		ExpiresAt: r.integer(&values[claimExpiresAt]),
	}
	id, violated := session.ParseInstallID(r.text(&values[claimInstallID]))
	claims.InstallID = id
	keyID, ok := keys.ParseID(kid)
	claims.KeyID = keyID
	switch {
	case r.reason != "":
		return session.Claims{}, reject(r.reason)
	case violated != session.RuleNone || !ok:
		return session.Claims{}, reject(ReasonClaimBounds)
	case version != session.Version && version != session.BoundVersion:
		return session.Claims{}, reject(ReasonVersion)
	}
	claims.Bound = version == session.BoundVersion
	return claims, nil
}

// confirms reports whether cnf names the key whose thumbprint the install id is, and nothing else.
// Only that of a bound session counts; in any other it is an unknown claim.
func confirms(confirmation *strict.Found, id session.InstallID) bool {
	object, err := strict.Parse(confirmation.Raw())
	if err != nil || len(object.Members()) != 1 || !id.IsThumbprint() {
		return false
	}
	value, _ := object.Member(confirmationThumbprint)
	thumbprint, _ := value.Text()
	return thumbprint == id.Text()
}

// claimReader reads claims and keeps the first reason to reject them.
type claimReader struct{ reason Reason }

func (r *claimReader) fail(reason Reason) {
	if r.reason == "" {
		r.reason = reason
	}
}

// text returns a claim that must be a nonempty string.
func (r *claimReader) text(value *strict.Found) string {
	if value.Raw() == "" {
		r.fail(ReasonClaimMissing)
		return ""
	}
	text, ok := value.Text()
	if !ok {
		r.fail(ReasonClaimType)
	} else if text == "" {
		r.fail(ReasonClaimBounds)
	}
	return text
}

// maxDigits is how many digits session.MaxUnix has.
const maxDigits = 12

// integer returns a claim that must be written with digits only. JSON already refuses leading
// zeros; a minus sign, a fraction or an exponent makes it a different type here, whatever its
// value.
func (r *claimReader) integer(value *strict.Found) session.Unix {
	raw := value.Raw()
	if raw == "" {
		r.fail(ReasonClaimMissing)
		return 0
	}
	var number session.Unix
	for i := range len(raw) {
		digit := raw[i] - '0'
		if digit > 9 { // so also if it is not a number
			r.fail(ReasonClaimType)
			return 0
		}
		number = 10*number + session.Unix(digit) // overflows with many digits only
	}
	if len(raw) > maxDigits || number > session.MaxUnix {
		r.fail(ReasonClaimBounds)
		return 0
	}
	return number
}
