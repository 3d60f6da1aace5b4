package token

import (
	"strconv"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/strict"
)

// The names of the claims.
const (
	claimVersion   = "v"
	claimKeyID     = "kid"
	claimIssuedAt  = "iat"
	claimNotBefore = "nbf"
	claimIssuer    = "iss"
	claimAudience  = "aud"
	claimInstallID = "install_id"
	claimExpiresAt = "exp"
)

// claimCount is the number of claims.
const claimCount = 8

// readClaims makes check 9, and the part of check 10 for the version.
func readClaims(payload strict.Document) (session.Claims, error) {
	r := claimReader{payload: payload}
	version := r.integer(claimVersion)
	kid := r.text(claimKeyID)
	claims := session.Claims{
		IssuedAt:  r.integer(claimIssuedAt),
		NotBefore: r.integer(claimNotBefore),
		Issuer:    r.text(claimIssuer),
		Audience:  r.text(claimAudience),
		ExpiresAt: r.integer(claimExpiresAt),
	}
	id, violated := session.ParseInstallID(r.text(claimInstallID))
	claims.InstallID = id
	keyID, ok := keys.ParseID(kid)
	claims.KeyID = keyID
	switch {
	case r.reason != "":
		return session.Claims{}, reject(r.reason)
	case violated != session.RuleNone || !ok:
		return session.Claims{}, reject(ReasonClaimBounds)
	case version != session.Version:
		return session.Claims{}, reject(ReasonVersion)
	}
	return claims, nil
}

// claimReader reads claims from a payload and keeps the first reason to reject them.
type claimReader struct {
	payload strict.Document
	reason  Reason
}

func (r *claimReader) fail(reason Reason) {
	if r.reason == "" {
		r.reason = reason
	}
}

// text returns a claim that must be a nonempty string.
func (r *claimReader) text(name string) string {
	member, found := r.payload.Member(name)
	if !found {
		r.fail(ReasonClaimMissing)
		return ""
	}
	text, ok := member.Text()
	if !ok {
		r.fail(ReasonClaimType)
	} else if text == "" {
		r.fail(ReasonClaimBounds)
	}
	return text
}

// integer returns a claim that must be written with digits only. JSON already refuses leading
// zeros; a minus sign, a fraction or an exponent makes it a different type here, whatever its
// value.
func (r *claimReader) integer(name string) session.Unix {
	member, found := r.payload.Member(name)
	if !found {
		r.fail(ReasonClaimMissing)
		return 0
	}
	raw := member.Raw()
	for _, c := range []byte(raw) {
		if member.Kind() != strict.Number || c < '0' || c > '9' {
			r.fail(ReasonClaimType)
			return 0
		}
	}
	number, err := strconv.ParseInt(raw, 10, 64)
	if err != nil || session.Unix(number) > session.MaxUnix {
		r.fail(ReasonClaimBounds)
		return 0
	}
	return session.Unix(number)
}
