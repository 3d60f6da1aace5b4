package session

import (
	"slices"
	"time"

	"github.com/offload/sessiond/domain/keys"
)

// The values of the claim v.
const (
	// Version is that of a bearer session: anyone who holds the token can use it.
	Version = 2
	// BoundVersion is that of a session that is bound to a device key. It differs, so that a
	// verifier that does not know bound sessions rejects them.
	BoundVersion = 3
)

// BoundSuffix follows the audience in the default of Settings.BoundAudience.
const BoundSuffix = ":bound"

// MaxUnix is the last second that a claim can hold: the end of the year 9999.
const MaxUnix Unix = 253402300799

// Unix is an instant in whole seconds since 1970 (RFC 7519 §2, NumericDate without fraction).
type Unix int64

// UnixOf returns t rounded down to the second.
func UnixOf(t time.Time) Unix { return Unix(t.Unix()) }

// Time returns the instant in UTC.
func (u Unix) Time() time.Time { return time.Unix(int64(u), 0).UTC() }

// Claims are the contents of a token. They are valid if they come from Settings.Claims,
// Settings.BoundClaims or a verified token.
type Claims struct {
	// Bound is true if the session can be used only with proofs by the device key whose thumbprint
	// is the install id. The claim v follows from it.
	Bound     bool
	KeyID     keys.ID
	IssuedAt  Unix
	NotBefore Unix
	Issuer    string
	Audience  string
	InstallID InstallID
	ExpiresAt Unix
}

// What a session is bound to, as services are told.
const (
	// BoundToNone means that anyone who holds the token can use it.
	BoundToNone = "none"
	// BoundToKey means that the requests prove possession of a device key.
	BoundToKey = "key"
)

// BoundTo says what the session is bound to.
func (c Claims) BoundTo() string {
	if c.Bound {
		return BoundToKey
	}
	return BoundToNone
}

// Settings are what this service puts into every session and requires of one.
type Settings struct {
	Issuer   string
	Audience string
	// OtherAudiences are accepted beside Audience, and never issued.
	OtherAudiences []string
	// Binding says whether sessions may, or must, be bound to device keys.
	Binding Binding
	// BoundAudience is the audience of bound sessions, which differs from the others so that a
	// verifier that does not know bound sessions rejects them.
	BoundAudience string
	// OtherBoundAudiences are accepted beside BoundAudience, and never issued.
	OtherBoundAudiences []string
	// Lifetime is the time from iat to exp: whole seconds, at least one.
	Lifetime time.Duration
	// ClockSkew is how far nbf may be in the future: whole seconds, zero for none. It never extends
	// a session.
	ClockSkew time.Duration
	// Backdate is how far into the past a session begins: whole seconds, zero for none. It is for
	// verifiers that allow no clock skew, and never shortens a session.
	Backdate time.Duration
	// RenewalGrace is how long after it expires a session can still be renewed: whole seconds, zero
	// for none.
	RenewalGrace time.Duration
}

// Claims returns the claims of a session that starts at now, rounded down to the second, and is
// signed by the given key.
func (s Settings) Claims(id InstallID, key keys.ID, now time.Time) Claims {
	start := UnixOf(now)
	return Claims{
		KeyID: key, IssuedAt: start, NotBefore: start, Issuer: s.Issuer, Audience: s.Audience,
		InstallID: id,
		ExpiresAt: start + Unix(s.Lifetime/time.Second),
	}
}

// BoundClaims returns the claims of a session like that of Claims, but bound to the device key
// whose thumbprint id is.
func (s Settings) BoundClaims(id InstallID, key keys.ID, now time.Time) Claims {
	claims := s.Claims(id, key, now)
	claims.Bound, claims.Audience = true, s.BoundAudience
	return claims
}

// Accepts reports whether a token for audience is accepted; the audiences of bound sessions are
// others than those of bearer sessions.
func (s Settings) Accepts(audience string, bound bool) bool {
	if bound {
		return audience == s.BoundAudience || slices.Contains(s.OtherBoundAudiences, audience)
	}
	return audience == s.Audience || slices.Contains(s.OtherAudiences, audience)
}

// Backdated returns claims that begin earlier by Backdate, but not before from, which is when the
// key began to sign. They expire at the same instant.
func (s Settings) Backdated(claims Claims, from time.Time) Claims {
	earliest := UnixOf(from)
	if earliest.Time().Before(from) {
		earliest++
	}
	start := max(claims.IssuedAt-Unix(s.Backdate/time.Second), earliest, 0)
	if start < claims.IssuedAt {
		claims.IssuedAt, claims.NotBefore = start, start
	}
	return claims
}

// Expired reports whether the session has expired at now: from the exact instant of exp, without
// any skew allowance.
func (c Claims) Expired(now time.Time) bool { return UnixOf(now) >= c.ExpiresAt }

// Renewable reports whether the session may be renewed at now: until it expires, and for grace
// after that, inclusive.
func (c Claims) Renewable(now time.Time, grace time.Duration) bool {
	return !now.After(c.ExpiresAt.Time().Add(grace))
}
