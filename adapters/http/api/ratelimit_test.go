package api

import (
	"net/http"
	"testing"
	"time"

	"github.com/dunglas/httpsfv"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/offload/sessiond/domain/throttle"
)

// TestRateLimitFieldsAreStructured compares the fields with those that a library for structured
// fields writes.
func TestRateLimitFieldsAreStructured(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 1e9)
		drawn := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) throttle.State {
			return throttle.State{
				Check: throttle.Check{
					Dimension: rapid.SampledFrom(throttle.Dimensions()).Draw(t, "dimension"),
					Limit:     limit.Draw(t, "limit"),
					Window:    time.Duration(rapid.IntRange(1, 86400).Draw(t, "s")) * time.Second,
				},
				Remaining:  rapid.IntRange(0, 1e9).Draw(t, "remaining"),
				ResetAfter: time.Duration(rapid.IntRange(0, 86400e9).Draw(t, "reset")),
			}
		}), 1, 3).Draw(t, "states")
		limited := len(drawn)
		if rapid.Bool().Draw(t, "with a proof") {
			drawn = append(drawn, throttle.State{Check: throttle.Check{Limit: throttle.ProofLimit,
				Dimension: throttle.ByProof, Window: 7 * time.Minute}, Remaining: 1})
		}
		decision := throttle.Decide(drawn...)
		header := http.Header{}
		setRateLimit(header, &decision)
		var policies, limits httpsfv.List
		for i := range limited {
			state := decision.At(i)
			name := state.Check.Dimension.String()
			policy, remaining := httpsfv.NewItem(name), httpsfv.NewItem(name)
			policy.Params.Add("q", int64(state.Check.Limit))
			policy.Params.Add("w", int64(state.Check.Window/time.Second))
			remaining.Params.Add("r", int64(state.Remaining))
			if state.ResetAfter > 0 {
				remaining.Params.Add("t", int64(throttle.Seconds(state.ResetAfter)))
			}
			policies, limits = append(policies, policy), append(limits, remaining)
		}
		for name, list := range map[string]httpsfv.List{
			"RateLimit-Policy": policies, "RateLimit": limits,
		} {
			want, err := httpsfv.Marshal(list)
			require.NoError(t, err)
			assert.Equal(t, []string{want}, header[name])
		}
		assert.Len(t, header, 2)
	})
}

// TestProofIsNoRateLimit checks that a decision on a proof alone has no fields.
func TestProofIsNoRateLimit(t *testing.T) {
	decision := throttle.Decide(throttle.State{Remaining: 1, Check: throttle.Check{
		Dimension: throttle.ByProof, Limit: throttle.ProofLimit, Window: time.Minute}})
	header := http.Header{}
	setRateLimit(header, &decision)
	assert.Empty(t, header)
}
