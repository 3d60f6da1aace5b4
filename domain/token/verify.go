package token

import (
	"strings"
	"time"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
)

// MaxLength is the maximum length of a token in bytes.
const MaxLength = 4096

// Verify makes all twelve checks on text and returns its claims. It fails with a Rejection. The
// work is bounded by MaxLength.
func Verify(
	text string, keyring *keys.Keyring, settings session.Settings, now time.Time,
) (session.Claims, error) {
	claims, err := Read(text, keyring, settings, now)
	if err != nil {
		return session.Claims{}, err
	}
	if err := CheckExpiry(claims, now); err != nil {
		return session.Claims{}, err
	}
	return claims, nil
}

// CheckExpiry makes check 12 alone, on claims that Read returned. It fails with a Rejection.
func CheckExpiry(claims session.Claims, now time.Time) error {
	if claims.Expired(now) {
		return reject(ReasonExpired)
	}
	return nil
}

// Read makes checks 1 to 11 only: the token is authentic, but may have expired. It fails with a
// Rejection.
func Read(
	text string, keyring *keys.Keyring, settings session.Settings, now time.Time,
) (session.Claims, error) {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	var p parts
	if err := p.split(text, s); err != nil {
		return session.Claims{}, err
	}
	// A kid that is not a string is the id of no key.
	kid, _ := p.claims[claimKeyID].Text()
	key, known := keyring.VerifierAt(keys.ID(kid), now)
	if !known {
		return session.Claims{}, reject(ReasonUnknownKey)
	}
	if !p.isFor(key) {
		return session.Claims{}, reject(ReasonAlgorithm)
	}
	s.text = append(s.text[:0], p.signed...)
	if !key.Verify(s.text, p.signature) {
		return session.Claims{}, reject(ReasonSignature)
	}
	claims, err := readClaims(&p.claims)
	if err != nil {
		return session.Claims{}, err
	}
	if err := p.checkClaimNames(claims, settings); err != nil {
		return session.Claims{}, err
	}
	if err := checkClaimInstants(claims, settings, now); err != nil {
		return session.Claims{}, err
	}
	return claims, nil
}

// parts is a token split into its parts, with nothing verified yet. It is on the stack: in pooled
// memory, each of its strings would pass a write barrier while garbage is collected.
type parts struct {
	form      keys.Form
	algorithm keys.Algorithm // of a JWS; the compact form names none
	claims    claimValues
	signed    string // the text that the signature covers
	signature []byte // in the scratch
}

// isFor reports whether the token has the form of the key's algorithm and, if the form names one,
// names it.
func (p *parts) isFor(key keys.Key) bool {
	return key.Form() == p.form && (p.algorithm == "" || p.algorithm == key.Algorithm())
}

// split makes checks 1 to 6.
func (p *parts) split(text string, s *scratch) error {
	if len(text) > MaxLength {
		return reject(ReasonTooLong)
	}
	first, rest, _ := strings.Cut(text, ".")
	second, third, isJWS := strings.Cut(rest, ".")
	switch {
	case first == "" || second == "" || isJWS && third == "":
		return reject(ReasonSegments)
	case !isJWS:
		return p.splitCompact(first, second, s)
	case strings.Contains(third, "."):
		return reject(ReasonSegments)
	}
	p.signed = text[:len(first)+1+len(second)]
	return p.splitJWS(first, second, third, s)
}

// checkClaimNames makes check 10.
func (p *parts) checkClaimNames(claims session.Claims, settings session.Settings) error {
	switch {
	case claims.Bound && !settings.Binding.On():
		return reject(ReasonVersion)
	case claims.Bound && !confirms(&p.claims[claimConfirmation], claims.InstallID),
		!claims.Bound && !settings.Binding.AdmitsBearer(claims.InstallID):
		return reject(ReasonBinding)
	case claims.Issuer != settings.Issuer:
		return reject(ReasonIssuer)
	case !settings.Accepts(claims.Audience, claims.Bound):
		return reject(ReasonAudience)
	}
	return nil
}

// checkClaimInstants makes check 11.
func checkClaimInstants(claims session.Claims, settings session.Settings, now time.Time) error {
	switch {
	case claims.IssuedAt > claims.NotBefore || claims.NotBefore >= claims.ExpiresAt:
		return reject(ReasonInstants)
	case claims.NotBefore > session.UnixOf(now.Add(settings.ClockSkew)):
		return reject(ReasonNotYetValid)
	}
	return nil
}
