package token_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/token"
)

// TestClock moves the clock over the boundaries of a token that is valid from noon to two minutes
// after.
func TestClock(t *testing.T) {
	text := signed(valid().json())
	const lifetime = 2 * time.Minute
	for name, c := range map[string]struct {
		skew, after time.Duration
		want        token.Reason
	}{
		"a second early":             {0, -time.Second, token.ReasonNotYetValid},
		"a nanosecond early":         {0, -1, token.ReasonNotYetValid},
		"at noon":                    {0, 0, ""},
		"a nanosecond after noon":    {0, 1, ""},
		"early, within the skew":     {2 * time.Second, -time.Second, ""},
		"early, exactly at the skew": {2 * time.Second, -2 * time.Second, ""},
		"early, a nanosecond over the skew": {2 * time.Second, -2*time.Second - 1,
			token.ReasonNotYetValid},
		"early, at a skew of a minute": {time.Minute, -time.Minute, ""},
		"early, a nanosecond over a minute": {time.Minute, -time.Minute - 1,
			token.ReasonNotYetValid},
		"a nanosecond before exp":   {0, lifetime - 1, ""},
		"at exp":                    {0, lifetime, token.ReasonExpired},
		"a nanosecond after exp":    {0, lifetime + 1, token.ReasonExpired},
		"at exp, whatever the skew": {time.Minute, lifetime, token.ReasonExpired},
		"long after exp":            {0, 1000 * time.Hour, token.ReasonExpired},
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
					require.NoError(t, err, "Read must accept an expired token")
					assert.Equal(t, session.UnixOf(noon.Add(lifetime)), read.ExpiresAt)
				} else {
					require.Equal(t, &token.Rejection{Reason: c.want}, err)
					assert.Equal(t, session.Claims{}, read, "must return zero Claims")
				}
			}
		})
	}
}

// TestReadChecksAllButExpiry checks that Read makes every check except the last.
func TestReadChecksAllButExpiry(t *testing.T) {
	for _, flaw := range flaws {
		d := compactDraft{members: valid()}
		flaw.apply(&d)
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

// TestRejectsTokenOfEndedKey checks that a token is rejected from the instant its key ends, even if
// it has not expired.
func TestRejectsTokenOfEndedKey(t *testing.T) {
	payload := valid().with("kid", `"ended"`, "iat", "1771243100", "nbf", "1771243100").json()
	text := signedBy(ended, payload)
	assert.Empty(t, reasonAt(t, text, noon.Add(-1)))
	assert.Equal(t, token.ReasonUnknownKey, reasonAt(t, text, noon))
}

// TestLastSecondOf9999 covers the latest instant that a claim can hold.
func TestLastSecondOf9999(t *testing.T) {
	last := session.MaxUnix.Time()
	text := signed(valid().with("iat", "253402300798", "nbf", "253402300798", "exp",
		"253402300799").json())
	assert.Empty(t, reasonAt(t, text, last.Add(-1)))
	assert.Equal(t, token.ReasonExpired, reasonAt(t, text, last))
	assert.Equal(t, token.ReasonNotYetValid, reasonAt(t, text, last.Add(-time.Second-1)))
}
