package token

import (
	"strings"
	"time"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/strict"
)

// MaxLength is the most bytes of a token.
const MaxLength = 4096

// Verify reads text and makes all twelve checks. It fails with a Rejection. Work is bounded by MaxLength.
func Verify(text string, ring *keys.Keyring, terms session.Settings, now time.Time) (session.Claims,
	error) {
	claims, err := Read(text, ring, terms, now)
	if err != nil {
		return session.Claims{}, err
	}
	if claims.Expired(now) {
		return session.Claims{}, reject(ReasonExpired)
	}
	return claims, nil
}

// Read makes checks 1 to 11: the session was sound, and may have ended. It fails with a Rejection.
func Read(text string, ring *keys.Keyring, terms session.Settings, now time.Time) (session.Claims,
	error) {
	token, err := split(text)
	if err != nil {
		return session.Claims{}, err
	}
	// A kid that is no string names no key.
	member, _ := token.payload.Member(claimKeyID)
	kid, _ := member.Text()
	key, known := ring.VerifierAt(keys.ID(kid), now)
	if !known {
		return session.Claims{}, reject(ReasonUnknownKey)
	}
	if key.Algorithm() != token.algorithm {
		return session.Claims{}, reject(ReasonAlgorithm)
	}
	if !key.Verify([]byte(token.signed), token.signature) {
		return session.Claims{}, reject(ReasonSignature)
	}
	claims, err := readClaims(token.payload)
	if err != nil {
		return session.Claims{}, err
	}
	if err := judge(claims, terms, now); err != nil {
		return session.Claims{}, err
	}
	return claims, nil
}

// parts is a token taken apart, with nothing believed yet.
type parts struct {
	signed    string // what the signature is over
	payload   strict.Document
	signature []byte
	algorithm keys.Algorithm // the form's
}

// split makes checks 1 to 6.
func split(text string) (parts, error) {
	if len(text) > MaxLength {
		return parts{}, reject(ReasonTooLong)
	}
	dots := strings.Count(text, ".")
	if strings.HasPrefix(text, ".") || strings.HasSuffix(text, ".") ||
		strings.Contains(text, "..") {
		return parts{}, reject(ReasonSegments)
	}
	switch dots {
	case 1:
		return splitCompact(text)
	case 2:
		return splitJWS(text)
	}
	return parts{}, reject(ReasonSegments)
}

// judge makes checks 10 and 11; the version was judged while it was read.
func judge(claims session.Claims, terms session.Settings, now time.Time) error {
	switch {
	case claims.Issuer != terms.Issuer:
		return reject(ReasonIssuer)
	case claims.Audience != terms.Audience:
		return reject(ReasonAudience)
	case claims.IssuedAt > claims.NotBefore || claims.NotBefore >= claims.ExpiresAt:
		return reject(ReasonInstants)
	case claims.NotBefore.Time().After(now.Add(terms.ClockSkew)):
		return reject(ReasonNotYetValid)
	}
	return nil
}
