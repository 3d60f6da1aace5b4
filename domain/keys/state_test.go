package keys_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
)

// TestStateAt follows keys through their lives, instant by instant.
func TestStateAt(t *testing.T) {
	first := key("first", keys.Plan{SignFrom: noon, VerifyUntil: noon.Add(2 * time.Hour)})
	second := key("second", keys.Plan{SignFrom: noon.Add(time.Hour)})
	revoked := key("revoked", keys.Plan{SignFrom: noon.Add(30 * time.Minute),
		VerifyUntil: noon.Add(time.Hour), Revoked: true})
	short := key("short", keys.Plan{SignFrom: noon.Add(90 * time.Minute),
		VerifyUntil: noon.Add(90*time.Minute + 1)})
	stillborn := key("stillborn", keys.Plan{SignFrom: noon.Add(2 * time.Hour),
		VerifyUntil: noon.Add(time.Hour)})
	r := newKeyring(t, first, second, revoked, short, stillborn)
	type states [5]keys.State
	for _, c := range []struct {
		after time.Duration
		want  states
	}{
		{-1, states{keys.Pending, keys.Pending, keys.Revoked, keys.Pending, keys.Pending}},
		{0, states{keys.Signing, keys.Pending, keys.Revoked, keys.Pending, keys.Pending}},
		{time.Hour - 1, states{keys.Signing, keys.Pending, keys.Revoked, keys.Pending,
			keys.Pending}},
		{time.Hour, states{keys.Verifying, keys.Signing, keys.Revoked, keys.Pending, keys.Expired}},
		{90*time.Minute - 1, states{keys.Verifying, keys.Signing, keys.Revoked, keys.Pending,
			keys.Expired}},
		{90 * time.Minute, states{keys.Verifying, keys.Verifying, keys.Revoked, keys.Signing,
			keys.Expired}},
		{90*time.Minute + 1, states{keys.Verifying, keys.Signing, keys.Revoked, keys.Expired,
			keys.Expired}},
		{2*time.Hour - 1, states{keys.Verifying, keys.Signing, keys.Revoked, keys.Expired,
			keys.Expired}},
		{2 * time.Hour, states{keys.Expired, keys.Signing, keys.Revoked, keys.Expired,
			keys.Expired}},
		{1000 * time.Hour, states{keys.Expired, keys.Signing, keys.Revoked, keys.Expired,
			keys.Expired}},
	} {
		now := noon.Add(c.after)
		got := states{
			r.StateAt(first, now), r.StateAt(second, now), r.StateAt(revoked, now),
			r.StateAt(short, now), r.StateAt(stillborn, now),
		}
		assert.Equal(t, c.want, got, "%s after noon", c.after)
	}
}

func TestStateNames(t *testing.T) {
	var words []string
	for _, state := range keys.States() {
		words = append(words, state.String())
	}
	assert.Equal(t, []string{"pending", "signing", "verifying", "expired", "revoked"}, words)
	assert.Equal(t, "unknown", keys.State(200).String())
}

// TestStateAtOfParsedSet follows the keys of a file, of both algorithms, a nanosecond before, at
// and a nanosecond after each of its instants.
func TestStateAtOfParsedSet(t *testing.T) {
	keyring, err := keys.ParseSet(setOf(
		okp("ed").with("sign_from", `"2026-02-16T12:00:00Z"`).with("verify_until",
			`"2026-02-16T16:00:00+01:00"`),
		oct("hs").with("sign_from", `"2026-02-16T13:00:00.5Z"`),
		okp("last").with("sign_from", `"2026-02-16T14:00:00Z"`).with("verify_until",
			`"2026-02-16T14:00:00.000000002Z"`).with("revoked", "false"),
		oct("out").with("sign_from", `"2026-02-16T12:00:00Z"`).with("verify_until",
			`"2026-02-16T14:00:00Z"`).with("revoked", "true"),
		okp("tie").with("sign_from", `"2026-02-16T14:00:00+01:00"`),
		oct("zie").with("sign_from", `"2026-02-16T13:00:00Z"`).with("verify_until",
			`"2026-02-16T13:00:00.000000001Z"`),
	))
	require.NoError(t, err)
	const (
		pending, signing, verifying, expired, revoked = keys.Pending, keys.Signing, keys.Verifying,
			keys.Expired, keys.Revoked
	)
	type states map[keys.ID]keys.State
	const ns = time.Nanosecond
	for _, c := range []struct {
		after time.Duration
		want  states
	}{
		{-ns, states{"ed": pending, "hs": pending, "last": pending, "out": revoked, "tie": pending,
			"zie": pending}},
		{0, states{"ed": signing, "hs": pending, "last": pending, "out": revoked, "tie": pending,
			"zie": pending}},
		{ns, states{"ed": signing, "hs": pending, "last": pending, "out": revoked, "tie": pending,
			"zie": pending}},
		{time.Hour - ns, states{"ed": signing, "hs": pending, "last": pending, "out": revoked,
			"tie": pending, "zie": pending}},
		{time.Hour, states{"ed": verifying, "hs": pending, "last": pending, "out": revoked,
			"tie": verifying, "zie": signing}},
		{time.Hour + ns, states{"ed": verifying, "hs": pending, "last": pending, "out": revoked,
			"tie": signing, "zie": expired}},
		{time.Hour + time.Second/2 - ns, states{"ed": verifying, "hs": pending, "last": pending,
			"out": revoked, "tie": signing, "zie": expired}},
		{time.Hour + time.Second/2, states{"ed": verifying, "hs": signing, "last": pending,
			"out": revoked, "tie": verifying, "zie": expired}},
		{2*time.Hour - ns, states{"ed": verifying, "hs": signing, "last": pending, "out": revoked,
			"tie": verifying, "zie": expired}},
		{2 * time.Hour, states{"ed": verifying, "hs": verifying, "last": signing, "out": revoked,
			"tie": verifying, "zie": expired}},
		{2*time.Hour + ns, states{"ed": verifying, "hs": verifying, "last": signing, "out": revoked,
			"tie": verifying, "zie": expired}},
		{2*time.Hour + 2*ns, states{"ed": verifying, "hs": signing, "last": expired, "out": revoked,
			"tie": verifying, "zie": expired}},
		{3*time.Hour - ns, states{"ed": verifying, "hs": signing, "last": expired, "out": revoked,
			"tie": verifying, "zie": expired}},
		{3 * time.Hour, states{"ed": expired, "hs": signing, "last": expired, "out": revoked,
			"tie": verifying, "zie": expired}},
		{100_000 * time.Hour, states{"ed": expired, "hs": signing, "last": expired, "out": revoked,
			"tie": verifying, "zie": expired}},
	} {
		now, got := noon.Add(c.after), states{}
		for _, key := range keyring.Keys() {
			got[key.ID()] = keyring.StateAt(key, now)
		}
		assert.Equal(t, c.want, got, "%s after noon", c.after)
		assert.True(t, keyring.CanSign(now))
	}
}

func TestCanSign(t *testing.T) {
	for name, c := range map[string]struct {
		plan keys.Plan
		want bool
	}{
		"signs":                   {keys.Plan{SignFrom: noon}, true},
		"pending":                 {keys.Plan{SignFrom: noon.Add(time.Hour)}, true},
		"pending, with an end":    {until(time.Hour, time.Hour+1), true},
		"expires in a nanosecond": {until(-time.Hour, 1), true},
		"expires now":             {until(-time.Hour, 0), false},
		"revoked":                 {keys.Plan{SignFrom: noon, Revoked: true}, false},
		"revoked while pending": {keys.Plan{SignFrom: noon.Add(time.Hour), Revoked: true},
			false},
		"expires before it would sign": {until(time.Hour, time.Hour), false},
	} {
		assert.Equal(t, c.want, newKeyring(t, key("a", c.plan)).CanSign(noon), name)
		assert.Equal(t, c.want, newKeyring(t, key("a", c.plan),
			key("z", keys.Plan{Revoked: true})).CanSign(noon), name)
	}
}
