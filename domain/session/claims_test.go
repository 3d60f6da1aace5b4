package session_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
)

var noon = time.Date(2026, 2, 16, 12, 0, 0, 0, time.UTC)

func TestSettingsClaims(t *testing.T) {
	id, violated := session.ParseInstallID("install-12345")
	require.Equal(t, session.RuleNone, violated)
	settings := session.Settings{
		Issuer: "issuer", Audience: "audience", Lifetime: 2 * time.Minute, ClockSkew: time.Minute,
		RenewalGrace: time.Hour,
	}
	start := session.Unix(noon.Unix())
	want := session.Claims{
		KeyID: "kid", IssuedAt: start, NotBefore: start, Issuer: "issuer", Audience: "audience",
		InstallID: id, ExpiresAt: start + 120,
	}
	for name, now := range map[string]time.Time{
		"on the second":                noon,
		"a nanosecond later":           noon.Add(1),
		"a nanosecond before the next": noon.Add(time.Second - 1),
		"in another zone":              noon.In(time.FixedZone("", 5*3600+1800)),
	} {
		assert.Equal(t, want, settings.Claims(id, keys.ID("kid"), now), name)
	}
	before := settings.Claims(id, "kid", noon.Add(-1))
	assert.Equal(t, start-1, before.IssuedAt, "rounded down")
	assert.Equal(t, start+119, before.ExpiresAt)
}

func TestUnix(t *testing.T) {
	assert.Equal(t, session.Unix(1771243200), session.UnixOf(noon))
	assert.Equal(t, noon, session.Unix(1771243200).Time())
	assert.Equal(t, time.UTC, session.Unix(1771243200).Time().Location())
	assert.Equal(t, session.Unix(0), session.UnixOf(time.Unix(0, 999_999_999)))
	assert.Equal(t, session.Unix(-1), session.UnixOf(time.Unix(0, -1)),
		"rounded down before 1970 too")
	assert.Equal(t, "9999-12-31T23:59:59Z", session.MaxUnix.Time().Format(time.RFC3339))
}

func TestExpired(t *testing.T) {
	claims := session.Claims{ExpiresAt: session.UnixOf(noon)}
	for name, c := range map[string]struct {
		now     time.Time
		expired bool
	}{
		"a second before":             {noon.Add(-time.Second), false},
		"a nanosecond before":         {noon.Add(-1), false},
		"at exp":                      {noon, true},
		"at exp, in another zone":     {noon.In(time.FixedZone("", -3600)), true},
		"a nanosecond after":          {noon.Add(1), true},
		"before exp, in another zone": {noon.Add(-1).In(time.FixedZone("", -3600)), false},
	} {
		assert.Equal(t, c.expired, claims.Expired(c.now), name)
	}
}

func TestRenewable(t *testing.T) {
	claims := session.Claims{ExpiresAt: session.UnixOf(noon)}
	for name, c := range map[string]struct {
		after, grace time.Duration
		renewable    bool
	}{
		"long before exp":                      {-time.Hour, 0, true},
		"a nanosecond before exp":              {-1, 0, true},
		"at exp, no grace":                     {0, 0, true},
		"a nanosecond after exp, no grace":     {1, 0, false},
		"expired, within grace":                {30 * time.Second, time.Minute, true},
		"a nanosecond before the end of grace": {time.Minute - 1, time.Minute, true},
		"at the end of grace":                  {time.Minute, time.Minute, true},
		"a nanosecond after grace":             {time.Minute + 1, time.Minute, false},
		"a second after grace":                 {time.Minute + time.Second, time.Minute, false},
	} {
		assert.Equal(t, c.renewable, claims.Renewable(noon.Add(c.after), c.grace), name)
	}
}

func TestLastSecondOf9999(t *testing.T) {
	claims := session.Claims{ExpiresAt: session.MaxUnix}
	assert.False(t, claims.Expired(session.MaxUnix.Time().Add(-1)))
	assert.True(t, claims.Expired(session.MaxUnix.Time()))
	assert.True(t, claims.Renewable(session.MaxUnix.Time().Add(24*time.Hour), 24*time.Hour))
}
