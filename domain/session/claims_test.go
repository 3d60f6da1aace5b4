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

func TestBackdated(t *testing.T) {
	at := func(seconds int64) session.Unix { return session.UnixOf(noon) + session.Unix(seconds) }
	claims := session.Claims{KeyID: "kid", IssuedAt: at(0), NotBefore: at(0), ExpiresAt: at(120)}
	for name, c := range map[string]struct {
		backdate time.Duration
		from     time.Time
		want     session.Unix
	}{
		"not at all":                    {0, time.Time{}, at(0)},
		"two seconds":                   {2 * time.Second, time.Time{}, at(-2)},
		"the key is younger":            {time.Minute, noon.Add(-30 * time.Second), at(-30)},
		"the key began within a second": {time.Minute, noon.Add(-1500 * time.Millisecond), at(-1)},
		"the key began now":             {time.Minute, noon, at(0)},
		"the key began in this second":  {time.Minute, noon.Add(1), at(0)},
	} {
		got := session.Settings{Backdate: c.backdate}.Backdated(claims, c.from)
		want := claims
		want.IssuedAt, want.NotBefore = c.want, c.want
		assert.Equal(t, want, got, name)
	}
	early := session.Claims{IssuedAt: 5, NotBefore: 5, ExpiresAt: 9}
	assert.Zero(t, session.Settings{Backdate: time.Minute}.Backdated(early, time.Time{}).IssuedAt,
		"not before 1970, which no claim can express")
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
