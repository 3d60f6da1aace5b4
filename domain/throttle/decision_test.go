package throttle_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/failure"
	"github.com/offload/sessiond/domain/throttle"
)

// may is a standing that may have a grant, left times; barred is one that may not for so long.
func may(dimension throttle.Dimension, left int, growsIn time.Duration) throttle.State {
	return throttle.State{Check: throttle.Check{Dimension: dimension, Limit: 8, Window: window},
		Remaining: left, ResetAfter: growsIn}
}

func barred(dimension throttle.Dimension, retryIn time.Duration) throttle.State {
	return throttle.State{Check: throttle.Check{Dimension: dimension, Limit: 8, Window: window},
		ResetAfter: retryIn, RetryAfter: retryIn}
}

// standings lists what a decision tells.
func standings(decision throttle.Decision) []throttle.State {
	var all []throttle.State
	for i := range decision.Len() {
		all = append(all, decision.At(i))
	}
	return all
}

func TestDecideGrantsAll(t *testing.T) {
	decision := throttle.Decide(may(throttle.ByAddress, 8, 0), may(throttle.ByInstall, 1, 5))
	assert.True(t, decision.Decided())
	assert.False(t, decision.Refused())
	refusal, refused := decision.Refusal()
	assert.False(t, refused)
	assert.Nil(t, refusal)
	assert.Equal(t, []throttle.State{may(throttle.ByAddress, 7, window),
		may(throttle.ByInstall, 0, 5)}, standings(decision),
		"how they stand with the grant")
}

func TestDecideRefusesAll(t *testing.T) {
	for name, c := range map[string]struct {
		standings []throttle.State
		dimension throttle.Dimension
		retryIn   time.Duration
	}{
		"the first": {
			[]throttle.State{barred(throttle.ByAddress, 7), may(throttle.ByInstall, 4, 0)},
			throttle.ByAddress, 7,
		},
		"the second": {
			[]throttle.State{may(throttle.ByAddress, 8, 0), barred(throttle.ByInstall, 7)},
			throttle.ByInstall, 7,
		},
		"both, the first longer": {
			[]throttle.State{barred(throttle.ByAddress, 8), barred(throttle.ByInstall, 7)},
			throttle.ByAddress, 8,
		},
		"both, the second longer by a nanosecond": {
			[]throttle.State{barred(throttle.ByAddress, 7), barred(throttle.ByInstall, 8)},
			throttle.ByInstall, 8,
		},
		"both alike: the first asked, ip": {
			[]throttle.State{barred(throttle.ByAddress, 7), barred(throttle.ByInstall, 7)},
			throttle.ByAddress, 7,
		},
		"one alone": {[]throttle.State{barred(throttle.ByInstall, 1)}, throttle.ByInstall, 1},
		"the last of four": {
			[]throttle.State{may(throttle.ByAddress, 1, 1), barred(throttle.ByInstall, 1),
				barred(throttle.ByInstall, 2), barred(throttle.ByAddress, 3)},
			throttle.ByAddress, 3,
		},
	} {
		t.Run(name, func(t *testing.T) {
			decision := throttle.Decide(c.standings...)
			assert.True(t, decision.Decided())
			assert.True(t, decision.Refused())
			assert.Equal(t, c.standings, standings(decision), "nothing is taken from any")
			refusal, refused := decision.Refusal()
			require.True(t, refused)
			assert.Equal(t, c.dimension, refusal.Dimension)
			assert.Equal(t, c.retryIn, refusal.RetryAfter)
			assert.Equal(t, decision, refusal.Decision)
			assert.Equal(t, 1, refusal.RetryAfterSeconds())
			assert.Equal(t, failure.RateLimited, failure.KindOf(fmt.Errorf("issue: %w", refusal)))
			assert.Equal(t, "throttled by "+c.dimension.String(), refusal.Error())
		})
	}
}

func TestNobodyDecided(t *testing.T) {
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

func TestAsks(t *testing.T) {
	var all []throttle.Check
	for i := range throttle.MaxChecks {
		all = append(all, throttle.Check{Dimension: throttle.ByInstall,
			Subject: throttle.Subject{byte(i)}, Limit: i + 1, Window: window})
	}
	for n := range len(all) + 1 {
		asks := throttle.NewChecks(all[:n]...)
		require.Equal(t, n, asks.Len())
		for i := range n {
			assert.Equal(t, all[i], asks.At(i))
		}
	}
	assert.Panics(t, func() { throttle.NewChecks(append(all, throttle.Check{})...) })
}

func TestDimensions(t *testing.T) {
	var names []string
	for _, dimension := range throttle.Dimensions() {
		names = append(names, dimension.String())
	}
	assert.Equal(t, []string{"ip", "install_id"}, names)
	assert.Equal(t, "unknown", throttle.Dimension(200).String())
}
