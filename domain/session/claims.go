package session

import (
	"time"

	"github.com/offload/sessiond/domain/keys"
)

// Version is the value of the claim "v".
const Version = 2

// MaxUnix is the last second that a claim can hold, the end of the year 9999.
const MaxUnix Unix = 253402300799

// Unix is a time in whole seconds since 1970 (RFC 7519 §2, NumericDate without a fraction).
type Unix int64

// UnixOf returns the second that contains t.
func UnixOf(t time.Time) Unix { return Unix(t.Unix()) }

// Time returns the time in UTC.
func (u Unix) Time() time.Time { return time.Unix(int64(u), 0).UTC() }

// Claims are the contents of a token, except "v", which is always Version. Claims are valid if they
// come from Settings.Claims or from a verified token.
type Claims struct {
	KeyID     keys.ID
	IssuedAt  Unix
	NotBefore Unix
	Issuer    string
	Audience  string
	InstallID InstallID
	ExpiresAt Unix
}

// Settings are what this service puts into every session and requires of one.
type Settings struct {
	Issuer   string
	Audience string
	// Lifetime is the time from iat to exp, in whole seconds, at least one.
	Lifetime time.Duration
	// ClockSkew is how far nbf may be in the future, in whole seconds; zero for not at all. It
	// never extends a session.
	ClockSkew time.Duration
	// RenewalGrace is how long after its expiry a session can still be renewed, in whole seconds;
	// zero for not at all.
	RenewalGrace time.Duration
}

// Claims returns the claims of a session that starts at now, rounded down to the second, and is
// signed by the given key.
func (t Settings) Claims(id InstallID, key keys.ID, now time.Time) Claims {
	start := UnixOf(now)
	return Claims{
		KeyID: key, IssuedAt: start, NotBefore: start, Issuer: t.Issuer, Audience: t.Audience,
		InstallID: id,
		ExpiresAt: start + Unix(t.Lifetime/time.Second),
	}
}

// Expired reports whether the session has expired at now. It expires exactly at exp, without
// tolerance.
func (c Claims) Expired(now time.Time) bool { return !now.Before(c.ExpiresAt.Time()) }

// Renewable reports whether the session can be renewed at now: until grace after its expiry.
func (c Claims) Renewable(now time.Time, grace time.Duration) bool {
	return !now.After(c.ExpiresAt.Time().Add(grace))
}
