package token

import (
	"time"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
)

// MaxLength is the most bytes of a token.
const MaxLength = 4096

// Verify reads text and makes all twelve checks. It fails with a Rejection. Work is bounded by MaxLength.
func Verify(text string, ring *keys.Ring, terms session.Terms, now time.Time) (session.Claims, error) {
	claims, err := Read(text, ring, terms, now)
	if err != nil {
		return session.Claims{}, err
	}
	if claims.Ended(now) {
		return session.Claims{}, reject(ReasonExpired)
	}
	return claims, nil
}

// Read makes checks 1 to 11: the session was sound, and may have ended. It fails with a Rejection.
func Read(text string, ring *keys.Ring, terms session.Terms, now time.Time) (session.Claims, error) {
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

// judge makes checks 10 and 11; the version was judged while it was read.
func judge(claims session.Claims, terms session.Terms, now time.Time) error {
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
