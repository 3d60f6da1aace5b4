package session

import (
	"time"

	"github.com/offload/sessiond/domain/keys"
)

// Version is the value of the claim v.
const Version = 2

// MaxUnix is the last second that a claim can hold: the end of the year 9999.
const MaxUnix Unix = 253402300799

// Unix is an instant in whole seconds since 1970 (RFC 7519 §2, NumericDate without fraction).
type Unix int64

// UnixOf is the second in which t lies.
func UnixOf(t time.Time) Unix { return Unix(t.Unix()) }

// Time is the instant in UTC.
func (u Unix) Time() time.Time { return time.Unix(int64(u), 0).UTC() }

// Claims are what a token says, v apart, which is always Version. They are sound where they came from Terms.Claims or from a token
// that was read.
type Claims struct {
	KeyID     keys.ID
	IssuedAt  Unix
	NotBefore Unix
	Issuer    string
	Audience  string
	InstallID InstallID
	ExpiresAt Unix
}

// Terms are what this service puts into every session, and what it asks of one.
type Settings struct {
	Issuer   string
	Audience string
	// Lifetime is from iat to exp: whole seconds, at least one.
	Lifetime time.Duration
	// ClockSkew is how much later than now nbf may be: whole seconds, zero for none. It never prolongs a session.
	ClockSkew time.Duration
	// RenewalGrace is how long after its end a session still proves that it was one: whole seconds, zero for none.
	RenewalGrace time.Duration
}

// Claims makes the claims of a session that starts at now, rounded down to the second, signed by the key of that id.
func (t Settings) Claims(id InstallID, key keys.ID, now time.Time) Claims {
	start := UnixOf(now)
	return Claims{
		KeyID: key, IssuedAt: start, NotBefore: start, Issuer: t.Issuer, Audience: t.Audience,
		InstallID: id,
		ExpiresAt: start + Unix(t.Lifetime/time.Second),
	}
}

// Ended tells whether the session is over at now: from the very instant of exp, with no allowance.
func (c Claims) Expired(now time.Time) bool { return !now.Before(c.ExpiresAt.Time()) }

// Renews tells whether the session may be renewed at now: while it lasts, and until grace after its end.
func (c Claims) Renewable(now time.Time, grace time.Duration) bool {
	return !now.After(c.ExpiresAt.Time().Add(grace))
}
