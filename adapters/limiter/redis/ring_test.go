package redis_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/offload/sessiond/adapters/limiter/redis"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/test/harness/redisserver"
)

const (
	start  throttle.Instant = 1_000_000_000_000
	window                  = time.Minute
)

func check(number byte, limit int) throttle.Check {
	return throttle.Check{Dimension: throttle.ByInstall, Subject: throttle.Subject{1, number},
		Limit: limit, Window: window}
}

func decide(t require.TestingT, storage *redis.Storage, now throttle.Instant,
	checks ...throttle.Check) throttle.Decision {
	decision, err := storage.Decide(context.Background(), now, throttle.NewChecks(checks...))
	require.NoError(t, err)
	return decision
}

// ledger is a reference model: every grant of one subject, in order.
type ledger []throttle.Instant

func (l ledger) state(check throttle.Check, now throttle.Instant) throttle.State {
	var counted []throttle.Instant
	for _, given := range l {
		if given.After(check.Window) > now {
			counted = append(counted, given)
		}
	}
	state := throttle.State{Check: check, Remaining: max(0, check.Limit-len(counted))}
	switch {
	case state.Remaining == 0:
		state.RetryAfter = now.Until(counted[len(counted)-check.Limit].After(check.Window))
		state.ResetAfter = state.RetryAfter
	case len(counted) > 0:
		state.ResetAfter = now.Until(counted[0].After(check.Window))
	}
	return state
}

// TestMatchesModelUnderChangingLimits makes checks of one subject with changing limits, as replicas
// with different configurations do. Every answer must be that of the ledger. Either callers are
// late or grants are taken back, but not both, because then a grant that has left a window could
// return to it.
func TestMatchesModelUnderChangingLimits(t *testing.T) {
	shared := open(t, redisserver.Start(t).URL(), patient)
	var count atomic.Int64
	for name, late := range map[string]bool{"late callers": true, "grants taken back": false} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				storage := shared.UnderSuite(fmt.Sprintf("ring%d:", count.Add(1)))
				largest := rapid.SampledFrom([]int{1, 3, 8, 16, 17, 40}).Draw(rt, "largest limit")
				pace := rapid.SampledFrom([]time.Duration{time.Second, 5 * time.Second,
					40 * time.Second}).Draw(rt, "pace")
				limit, now := largest, start
				var given ledger
				for range rapid.IntRange(1, 150).Draw(rt, "steps") {
					now = now.After(time.Duration(rapid.Int64Range(0, int64(pace)).Draw(rt,
						"step")))
					at := now
					switch rapid.IntRange(0, 9).Draw(rt, "kind") {
					case 0, 1:
						limit = rapid.IntRange(1, largest).Draw(rt, "limit")
					case 2:
						if late {
							at -= throttle.Instant(rapid.Int64Range(0, int64(2*window)).Draw(rt,
								"late by"))
						} else if given = takeBack(rt, storage, given, now); true {
							continue
						}
					}
					effective := at
					if len(given) > 0 {
						effective = max(at, given[len(given)-1])
					}
					want := throttle.Decide(given.state(check(1, limit), effective))
					got := decide(rt, storage, at, check(1, limit))
					require.Equal(rt, want.At(0), got.At(0))
					if !want.Refused() {
						given = append(given, effective)
					}
				}
			})
		})
	}
}

// takeBack takes back one of the last few grants, unless it has left the window: then the storage
// may have dropped it.
func takeBack(rt *rapid.T, storage *redis.Storage, given ledger, now throttle.Instant) ledger {
	if len(given) == 0 {
		return given
	}
	at := len(given) - 1 - rapid.IntRange(0, min(5, len(given)-1)).Draw(rt, "which")
	if given[at].After(window) <= now {
		return given
	}
	mark := given[at] + 1
	if rapid.Bool().Draw(rt, "unknown mark") && !slices.Contains(given, mark) {
		require.NoError(rt, storage.TakeBack(context.Background(), check(1, 1), mark))
		return given
	}
	require.NoError(rt, storage.TakeBack(context.Background(), check(1, 1), given[at]))
	return slices.Delete(given, at, at+1)
}

// TestKeepsLimitIfClockStepsBack steps the server's clock back now and then. In real time, no
// window contains more grants than the limit, and no wait is longer than a window.
func TestKeepsLimitIfClockStepsBack(t *testing.T) {
	shared := open(t, redisserver.Start(t).URL(), patient)
	var count atomic.Int64
	rapid.Check(t, func(rt *rapid.T) {
		storage := shared.UnderServersClock(fmt.Sprintf("steps%d:", count.Add(1)))
		limit := rapid.SampledFrom([]int{1, 3, 20}).Draw(rt, "limit")
		pace := rapid.SampledFrom([]time.Duration{time.Second, 40 * time.Second}).Draw(rt, "pace")
		now, ahead := start.After(10*time.Hour), time.Duration(0)
		var given []throttle.Instant
		for range rapid.IntRange(1, 100).Draw(rt, "steps") {
			now = now.After(time.Duration(rapid.Int64Range(0, int64(pace)).Draw(rt, "step")))
			if rapid.IntRange(0, 9).Draw(rt, "kind") == 0 {
				ahead -= time.Duration(rapid.Int64Range(0, int64(3*window)).Draw(rt, "back"))
			}
			decision := decide(rt, storage, now.After(ahead), check(1, limit))
			if decision.Refused() {
				wait := decision.At(0).RetryAfter
				require.LessOrEqual(rt, wait, window)
				if rapid.Bool().Draw(rt, "obeys") {
					now = now.After(wait)
					decision = decide(rt, storage, now.After(ahead), check(1, limit))
					require.False(rt, decision.Refused())
				}
			}
			if !decision.Refused() {
				given = append(given, now)
				if before := len(given) - 1 - limit; before >= 0 {
					require.GreaterOrEqual(rt, given[before].Until(now), window)
				}
			}
		}
	})
}

// TestRingBuffersWrap fills ring buffers beyond their end, and checks every answer.
func TestRingBuffersWrap(t *testing.T) {
	server := redisserver.Start(t)
	shared := open(t, server.URL(), patient)
	for _, limit := range []int{4, 100, 10_000} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			storage := shared.UnderSuite(fmt.Sprintf("limit%d:", limit))
			step := window / time.Duration(limit)
			for i := range limit + limit/2 {
				now := start.After(time.Duration(i) * step)
				decision := decide(t, storage, now, check(1, limit))
				require.False(t, decision.Refused(), "grant %d", i)
				require.Equal(t, max(0, limit-1-i), decision.At(0).Remaining)
				if i >= limit-1 {
					refused := decide(t, storage, now, check(1, limit))
					require.Equal(t, step, refused.At(0).RetryAfter, "after grant %d", i)
				}
			}
		})
	}
}

// TestCountsLateCallersAtLastGrant fills a small ring buffer beyond its end, slot by slot. At each
// slot, a caller that is late by a nanosecond counts as being at the last grant, in whichever slot
// that is.
func TestCountsLateCallersAtLastGrant(t *testing.T) {
	const limit, step = 4, window / 4
	storage := open(t, redisserver.Start(t).URL(), patient).UnderSuite("late:")
	for i := range 3 * limit {
		now := start.After(time.Duration(i) * step)
		granted := decide(t, storage, now, check(1, limit))
		require.False(t, granted.Refused(), "grant %d", i)
		if i < limit-1 {
			continue
		}
		late := decide(t, storage, now-1, check(1, limit))
		require.Equal(t, step, late.At(0).RetryAfter, "after grant %d", i)
	}
}

// TestBlocksForOneWindowAfterClockStep steps the server's clock back by an hour. A blocked subject
// stays blocked for one more window, and no longer.
func TestBlocksForOneWindowAfterClockStep(t *testing.T) {
	storage := open(t, redisserver.Start(t).URL(), patient).UnderServersClock("step:")
	const limit = 20
	back := start
	for i := range limit + limit/2 { // around the end of the ring buffer
		given := decide(t, storage, back.After(time.Hour+time.Duration(i)*window/limit),
			check(1, limit))
		require.False(t, given.Refused())
	}
	decision := decide(t, storage, back, check(1, limit))
	assert.Equal(t, window, decision.At(0).RetryAfter)
	decision = decide(t, storage, back.After(window-1), check(1, limit))
	assert.Equal(t, time.Nanosecond, decision.At(0).RetryAfter)
	for range limit {
		decision = decide(t, storage, back.After(window), check(1, limit))
		assert.False(t, decision.Refused())
	}
	decision = decide(t, storage, back.After(window), check(1, limit))
	assert.True(t, decision.Refused())
}

// TestReusesSlots shows that slots whose grants have left the window are used again, so that a ring
// buffer has room for the grants that count at once, and not for the limit.
func TestReusesSlots(t *testing.T) {
	server := redisserver.Start(t)
	storage := open(t, server.URL(), patient).UnderSuite("small:")
	now := start
	for range 500 {
		now = now.After(window / 2)
		decide(t, storage, now, check(1, 10_000))
	}
	answer := server.Do(t, "STRLEN", storage.Key(check(1, 10_000)))
	size, err := answer.AsInt64()
	require.NoError(t, err)
	assert.LessOrEqual(t, size, int64(8+3*8))
}

// TestRejectsImpossibleReplies parses replies that the script cannot send.
func TestRejectsImpossibleReplies(t *testing.T) {
	storage := redis.New(serverAt(t, "redis://localhost", time.Second))
	answer := func(counted uint32, grows uint64) string {
		text := binary.BigEndian.AppendUint32(nil, counted)
		text = binary.BigEndian.AppendUint64(text, grows)
		return string(binary.BigEndian.AppendUint64(text, 1))
	}
	micros := uint64(window / time.Microsecond)
	for name, text := range map[string]string{
		"nothing": "", "too short": answer(1, 1)[1:], "too long": answer(1, 1) + "x",
		"more than the limit": answer(5, 1), "all there are": answer(1<<32-1, 1),
		"beyond the window": answer(4, micros+1), "for ever": answer(4, 1<<63-1),
		"before now": answer(4, 1<<64-1),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := storage.ReadAnswer(check(1, 4), text)
			assert.Equal(t, redis.Unintelligible, redis.Classify(err).Reason)
		})
	}
	state, err := storage.ReadAnswer(check(1, 4), answer(4, micros))
	require.NoError(t, err)
	assert.Equal(t, throttle.State{Check: check(1, 4), ResetAfter: window, RetryAfter: window},
		state)
}

// TestMixesShortAndLongChecks makes decisions on up to three checks whose ring buffers differ: one
// stays small, one is read in parts, and one is in between. They are decided within short.lua or
// beyond it, in every mixture, and the answers must be those of the ledgers.
func TestMixesShortAndLongChecks(t *testing.T) {
	shared := open(t, redisserver.Start(t).URL(), patient)
	var count atomic.Int64
	rapid.Check(t, func(rt *rapid.T) {
		storage := shared.UnderSuite(fmt.Sprintf("mix%d:", count.Add(1)))
		limits := [3]int{rapid.IntRange(1, 4).Draw(rt, "small limit"),
			rapid.IntRange(14, 20).Draw(rt, "limit"), rapid.IntRange(30, 60).Draw(rt, "large limit")}
		pace := rapid.SampledFrom([]time.Duration{time.Second, 10 * time.Second}).Draw(rt, "pace")
		grants := map[throttle.Subject]ledger{}
		now := start
		for range rapid.IntRange(1, 120).Draw(rt, "steps") {
			now = now.After(time.Duration(rapid.Int64Range(0, int64(pace)).Draw(rt, "step")))
			var checks []throttle.Check
			var states []throttle.State
			for _, i := range rapid.Permutation([]int{0, 1, 2}).Draw(rt, "order")[:rapid.IntRange(1,
				3).Draw(rt, "checks")] {
				// Several subjects for each limit, the fewer the larger it is.
				of := check(byte(10*i+rapid.IntRange(0, 4-2*i).Draw(rt, "subject")), limits[i])
				checks = append(checks, of)
				states = append(states, grants[of.Subject].state(of, now))
			}
			want := throttle.Decide(states...)
			got := decide(rt, storage, now, checks...)
			require.Equal(rt, want, got)
			if !want.Refused() {
				for _, of := range checks {
					grants[of.Subject] = append(grants[of.Subject], now)
				}
			}
		}
	})
}
