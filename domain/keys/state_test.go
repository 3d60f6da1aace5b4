package keys_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/domain/keys"
)

// TestStateAt follows keys through their lives, instant by instant.
func TestStateAt(t *testing.T) {
	first := key("first", keys.Plan{SignFrom: noon, VerifyUntil: noon.Add(2 * time.Hour)})
	second := key("second", keys.Plan{SignFrom: noon.Add(time.Hour)})
	revoked := key("revoked", keys.Plan{SignFrom: noon.Add(30 * time.Minute), VerifyUntil: noon.Add(time.Hour), Revoked: true})
	short := key("short", keys.Plan{SignFrom: noon.Add(90 * time.Minute), VerifyUntil: noon.Add(90*time.Minute + 1)})
	stillborn := key("stillborn", keys.Plan{SignFrom: noon.Add(2 * time.Hour), VerifyUntil: noon.Add(time.Hour)})
	r := ring(t, first, second, revoked, short, stillborn)
	type states [5]keys.State
	for _, c := range []struct {
		after time.Duration
		want  states
	}{
		{-1, states{keys.Pending, keys.Pending, keys.Revoked, keys.Pending, keys.Pending}},
		{0, states{keys.Signing, keys.Pending, keys.Revoked, keys.Pending, keys.Pending}},
		{time.Hour - 1, states{keys.Signing, keys.Pending, keys.Revoked, keys.Pending, keys.Pending}},
		{time.Hour, states{keys.Verifying, keys.Signing, keys.Revoked, keys.Pending, keys.Expired}},
		{90*time.Minute - 1, states{keys.Verifying, keys.Signing, keys.Revoked, keys.Pending, keys.Expired}},
		{90 * time.Minute, states{keys.Verifying, keys.Verifying, keys.Revoked, keys.Signing, keys.Expired}},
		{90*time.Minute + 1, states{keys.Verifying, keys.Signing, keys.Revoked, keys.Expired, keys.Expired}},
		{2*time.Hour - 1, states{keys.Verifying, keys.Signing, keys.Revoked, keys.Expired, keys.Expired}},
		{2 * time.Hour, states{keys.Expired, keys.Signing, keys.Revoked, keys.Expired, keys.Expired}},
		{1000 * time.Hour, states{keys.Expired, keys.Signing, keys.Revoked, keys.Expired, keys.Expired}},
	} {
		now := noon.Add(c.after)
		got := states{
			r.StateAt(first, now), r.StateAt(second, now), r.StateAt(revoked, now), r.StateAt(short, now), r.StateAt(stillborn, now),
		}
		assert.Equal(t, c.want, got, "%s after noon", c.after)
	}
}

func TestStateWords(t *testing.T) {
	var words []string
	for _, state := range keys.States() {
		words = append(words, state.String())
	}
	assert.Equal(t, []string{"pending", "signing", "verifying", "expired", "revoked"}, words)
	assert.Equal(t, "unknown", keys.State(200).String())
}
