package token_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/token"
)

// TestClock moves the clock over the edges of one token that lasts from noon to two minutes past.
func TestClock(t *testing.T) {
	text := signed(sound().json())
	const lifetime = 2 * time.Minute
	for name, c := range map[string]struct {
		skew, after time.Duration
		want        token.Reason
	}{
		"a second early":              {0, -time.Second, token.ReasonNotYetValid},
		"a nanosecond early":          {0, -1, token.ReasonNotYetValid},
		"at noon":                     {0, 0, ""},
		"a nanosecond after noon":     {0, 1, ""},
		"early, within the allowance": {2 * time.Second, -time.Second, ""},
		"early, at the allowance":     {2 * time.Second, -2 * time.Second, ""},
		"early, a nanosecond over the allowance": {2 * time.Second, -2*time.Second - 1,
			token.ReasonNotYetValid},
		"early, at an allowance of a minute": {time.Minute, -time.Minute, ""},
		"early, a nanosecond over a minute": {time.Minute, -time.Minute - 1,
			token.ReasonNotYetValid},
		"a nanosecond before the end":        {0, lifetime - 1, ""},
		"at the end":                         {0, lifetime, token.ReasonExpired},
		"a nanosecond after the end":         {0, lifetime + 1, token.ReasonExpired},
		"at the end, whatever the allowance": {time.Minute, lifetime, token.ReasonExpired},
		"long after":                         {0, 1000 * time.Hour, token.ReasonExpired},
	} {
		t.Run(name, func(t *testing.T) {
			allowed := session.Settings{Issuer: "issuer", Audience: "audience", ClockSkew: c.skew}
			for _, now := range []time.Time{noon.Add(c.after),
				noon.Add(c.after).In(time.FixedZone("", 5*3600+1800))} {
				claims, err := token.Verify(text, keyring, allowed, now)
				if c.want == "" {
					require.NoError(t, err)
					assert.Equal(t, session.UnixOf(noon), claims.NotBefore)
				} else {
					require.Equal(t, &token.Rejection{Reason: c.want}, err)
				}
				read, err := token.Read(text, keyring, allowed, now)
				if c.want == token.ReasonExpired || c.want == "" {
					require.NoError(t, err, "reading goes on after the end")
					assert.Equal(t, session.UnixOf(noon.Add(lifetime)), read.ExpiresAt)
				} else {
					require.Equal(t, &token.Rejection{Reason: c.want}, err)
					assert.Equal(t, session.Claims{}, read, "nothing comes of it")
				}
			}
		})
	}
}

// TestReadRefusesAllElse: reading makes every check but the last.
func TestReadRefusesAllElse(t *testing.T) {
	for _, flaw := range flaws {
		d := compactDraft{members: sound()}
		flaw.make(&d)
		claims, err := token.Read(d.text(), keyring, settings, noon)
		if flaw.want == token.ReasonExpired {
			require.NoError(t, err)
			assert.Equal(t, session.UnixOf(noon), claims.ExpiresAt)
			continue
		}
		require.Equal(t, &token.Rejection{Reason: flaw.want}, err, flaw.name)
		assert.Equal(t, session.Claims{}, claims, flaw.name)
	}
}

// TestKeyEnds: from the instant at which its key ends, a token is no more, though it would last.
func TestKeyEnds(t *testing.T) {
	payload := sound().with("kid", `"ended"`, "iat", "1771243100", "nbf", "1771243100").json()
	text := signedBy(ended, payload)
	assert.Empty(t, reasonAt(t, text, noon.Add(-1)))
	assert.Equal(t, token.ReasonUnknownKey, reasonAt(t, text, noon))
}

// TestLastSecond is the end of all instants.
func TestLastSecond(t *testing.T) {
	last := session.MaxUnix.Time()
	text := signed(sound().with("iat", "253402300798", "nbf", "253402300798", "exp",
		"253402300799").json())
	assert.Empty(t, reasonAt(t, text, last.Add(-1)))
	assert.Equal(t, token.ReasonExpired, reasonAt(t, text, last))
	assert.Equal(t, token.ReasonNotYetValid, reasonAt(t, text, last.Add(-time.Second-1)))
}
