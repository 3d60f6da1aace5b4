package throttle_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/failure"
	"github.com/offload/sessiond/domain/throttle"
)

// free returns a state that can have a grant, with the given number remaining.
func free(dimension throttle.Dimension, remaining int, resetAfter time.Duration) throttle.State {
	return throttle.State{Check: throttle.Check{Dimension: dimension, Limit: 8, Window: window},
		Remaining: remaining, ResetAfter: resetAfter}
}

// full returns a state that cannot have a grant until retryAfter has passed.
func full(dimension throttle.Dimension, retryAfter time.Duration) throttle.State {
	return throttle.State{Check: throttle.Check{Dimension: dimension, Limit: 8, Window: window},
		ResetAfter: retryAfter, RetryAfter: retryAfter}
}

// states returns the states of a decision.
func states(decision throttle.Decision) []throttle.State {
	var all []throttle.State
	for i := range decision.Len() {
		all = append(all, decision.At(i))
	}
	return all
}

func TestDecideGrantsAll(t *testing.T) {
	decision := throttle.Decide(free(throttle.ByAddress, 8, 0), free(throttle.ByInstall, 1, 5))
	assert.True(t, decision.Decided())
	assert.False(t, decision.Refused())
	refusal, refused := decision.Refusal()
	assert.False(t, refused)
	assert.Nil(t, refusal)
	assert.Equal(t, []throttle.State{free(throttle.ByAddress, 7, window),
		free(throttle.ByInstall, 0, 5)}, states(decision),
		"states after the grant")
}

func TestDecideRefusesAll(t *testing.T) {
	for name, c := range map[string]struct {
		states     []throttle.State
		dimension  throttle.Dimension
		retryAfter time.Duration
	}{
		"the first": {
			[]throttle.State{full(throttle.ByAddress, 7), free(throttle.ByInstall, 4, 0)},
			throttle.ByAddress, 7,
		},
		"the second": {
			[]throttle.State{free(throttle.ByAddress, 8, 0), full(throttle.ByInstall, 7)},
			throttle.ByInstall, 7,
		},
		"both, the first longer": {
			[]throttle.State{full(throttle.ByAddress, 8), full(throttle.ByInstall, 7)},
			throttle.ByAddress, 8,
		},
		"both, the second longer by a nanosecond": {
			[]throttle.State{full(throttle.ByAddress, 7), full(throttle.ByInstall, 8)},
			throttle.ByInstall, 8,
		},
		"both equal: the first checked": {
			[]throttle.State{full(throttle.ByAddress, 7), full(throttle.ByInstall, 7)},
			throttle.ByAddress, 7,
		},
		"only one": {[]throttle.State{full(throttle.ByInstall, 1)}, throttle.ByInstall, 1},
		"the last of four": {
			[]throttle.State{free(throttle.ByAddress, 1, 1), full(throttle.ByInstall, 1),
				full(throttle.ByInstall, 2), full(throttle.ByAddress, 3)},
			throttle.ByAddress, 3,
		},
	} {
		t.Run(name, func(t *testing.T) {
			decision := throttle.Decide(c.states...)
			assert.True(t, decision.Decided())
			assert.True(t, decision.Refused())
			assert.Equal(t, c.states, states(decision), "must not count anything")
			refusal, refused := decision.Refusal()
			require.True(t, refused)
			assert.Equal(t, c.dimension, refusal.Dimension)
			assert.Equal(t, c.retryAfter, refusal.RetryAfter)
			assert.Equal(t, decision, refusal.Decision)
			assert.Equal(t, 1, refusal.RetryAfterSeconds())
			assert.Equal(t, failure.RateLimited, failure.KindOf(fmt.Errorf("issue: %w", refusal)))
			assert.Equal(t, "throttled by "+c.dimension.String(), refusal.Error())
		})
	}
}

// TestSpreadAddsShareOfWindow spreads waits over the window by installation, for the dimensions
// that installations share.
func TestSpreadAddsShareOfWindow(t *testing.T) {
	const wait = 7 * time.Second
	shared := map[throttle.Dimension]bool{throttle.ByAddress: true, throttle.ByNetwork: true,
		throttle.ByRenewalAddress: true}
	for _, dimension := range throttle.Dimensions() {
		for first, share := range map[byte]time.Duration{0: 0, 0x40: window / 4, 0x80: window / 2,
			0xc0: 3 * window / 4} {
			decision := throttle.Decide(full(dimension, wait))
			refusal, refused := decision.Refusal()
			require.True(t, refused)
			refusal.Spread(throttle.Subject{first})
			if !shared[dimension] {
				share = 0
			}
			assert.Equal(t, wait+share, refusal.RetryAfter, "%s, %x", dimension, first)
			assert.Equal(t, wait, refusal.Decision.At(0).RetryAfter, "the decision stays exact")
		}
	}
	last := throttle.Refusal{Dimension: throttle.ByAddress, Window: window, RetryAfter: wait}
	last.Spread(throttle.Subject(bytes.Repeat([]byte{0xff}, 16)))
	assert.Equal(t, wait+window-1, last.RetryAfter, "the share is less than a window")
}

func TestZeroDecision(t *testing.T) {
	var none throttle.Decision
	assert.False(t, none.Decided())
	assert.False(t, none.Refused())
	assert.Zero(t, none.Len())
	_, refused := none.Refusal()
	assert.False(t, refused)
	assert.Equal(t, none, throttle.Decide())
}

func TestSeconds(t *testing.T) {
	for d, want := range map[time.Duration]int{
		0: 0, 1: 1, time.Second - 1: 1, time.Second: 1, time.Second + 1: 2, 59*time.Second + 1: 60,
		window - 1: 60, window: 60,
		window + 1: 61, 24 * time.Hour: 86400, 24*time.Hour - 1: 86400,
	} {
		assert.Equal(t, want, throttle.Seconds(d), d.String())
		if want > 0 {
			assert.Equal(t, want, (&throttle.Refusal{RetryAfter: d}).RetryAfterSeconds(),
				d.String())
		}
	}
}

func TestChecks(t *testing.T) {
	var all []throttle.Check
	for i := range throttle.MaxChecks {
		all = append(all, throttle.Check{Dimension: throttle.ByInstall,
			Subject: throttle.Subject{byte(i)}, Limit: i + 1, Window: window})
	}
	for n := range len(all) + 1 {
		checks := throttle.NewChecks(all[:n]...)
		require.Equal(t, n, checks.Len())
		for i := range n {
			assert.Equal(t, all[i], checks.At(i))
		}
	}
	assert.Panics(t, func() { throttle.NewChecks(append(all, throttle.Check{})...) })
}

func TestDimensions(t *testing.T) {
	var names []string
	for _, dimension := range throttle.Dimensions() {
		names = append(names, dimension.String())
	}
	assert.Equal(t, []string{"ip", "network", "install_id", "renewal", "renewal_ip"}, names)
	assert.Equal(t, "proof", throttle.ByProof.String())
	_, reported := throttle.DimensionOf("proof")
	assert.False(t, reported)
	assert.Equal(t, "unknown", throttle.Dimension(200).String())
}

// TestAddAndSettleDecideAlike shows that Add computes the same states as Check.State, and that
// Settle decides as Decide does.
func TestAddAndSettleDecideAlike(t *testing.T) {
	check := func(limit int) throttle.Check {
		return throttle.Check{Dimension: throttle.ByInstall, Limit: limit, Window: time.Minute}
	}
	for limit, granted := range map[int]bool{1: false, 2: false, 3: true} {
		var decision throttle.Decision
		var states []throttle.State
		checks := throttle.NewChecks(check(8), check(limit))
		for _, grants := range []throttle.Grants{{}, {{1, 2}}} {
			c := checks.All()[decision.Len()]
			states = append(states, c.State(&grants, 3))
			assert.Equal(t, states[len(states)-1], *decision.Add(&c, &grants, 3))
		}
		assert.Equal(t, granted, decision.Settle())
		assert.Equal(t, throttle.Decide(states...), decision)
	}
}
