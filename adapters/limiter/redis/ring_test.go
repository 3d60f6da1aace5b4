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

func ask(number byte, limit int) throttle.Check {
	return throttle.Check{Dimension: throttle.ByInstall, Subject: throttle.Subject{1, number},
		Limit: limit, Window: window}
}

func decide(t require.TestingT, storage *redis.Storage, now throttle.Instant,
	asks ...throttle.Check) throttle.Decision {
	decision, err := storage.Decide(context.Background(), now, throttle.NewChecks(asks...))
	require.NoError(t, err)
	return decision
}

// ledger is every grant of one subject, in order, counted one by one.
type ledger []throttle.Instant

func (l ledger) stand(ask throttle.Check, now throttle.Instant) throttle.State {
	var counted []throttle.Instant
	for _, given := range l {
		if given.After(ask.Window) > now {
			counted = append(counted, given)
		}
	}
	standing := throttle.State{Check: ask, Remaining: max(0, ask.Limit-len(counted))}
	switch {
	case standing.Remaining == 0:
		standing.RetryAfter = now.Until(counted[len(counted)-ask.Limit].After(ask.Window))
		standing.ResetAfter = standing.RetryAfter
	case len(counted) > 0:
		standing.ResetAfter = now.Until(counted[0].After(ask.Window))
	}
	return standing
}

// TestRing asks for one subject under limits that change with every ask, as replicas of several
// configurations do: every answer must be the ledger's. Callers are late, or grants are taken back;
// not both, for then what has left a window could come back to it.
func TestRing(t *testing.T) {
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
					want := throttle.Decide(given.stand(ask(1, limit), effective))
					got := decide(rt, storage, at, ask(1, limit))
					require.Equal(rt, want.At(0), got.At(0))
					if !want.Refused() {
						given = append(given, effective)
					}
				}
			})
		})
	}
}

// takeBack takes back one of the last few grants, or none where it has left the window: the storage
// may have let go of it.
func takeBack(rt *rapid.T, storage *redis.Storage, given ledger, now throttle.Instant) ledger {
	if len(given) == 0 {
		return given
	}
	at := len(given) - 1 - rapid.IntRange(0, min(5, len(given)-1)).Draw(rt, "which")
	if given[at].After(window) <= now {
		return given
	}
	if mark := given[at] + 1; rapid.Bool().Draw(rt, "nobody's") && !slices.Contains(given, mark) {
		require.NoError(rt, storage.TakeBack(context.Background(), ask(1, 1), mark))
		return given
	}
	require.NoError(rt, storage.TakeBack(context.Background(), ask(1, 1), given[at]))
	return slices.Delete(given, at, at+1)
}

// TestClockStepsBack has the server's clock step back now and then. By the time that really went
// by, no window holds more than the limit, and no wait is longer than a window.
func TestClockStepsBack(t *testing.T) {
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
			decision := decide(rt, storage, now.After(ahead), ask(1, limit))
			if decision.Refused() {
				wait := decision.At(0).RetryAfter
				require.LessOrEqual(rt, wait, window)
				if rapid.Bool().Draw(rt, "obeys") {
					now = now.After(wait)
					decision = decide(rt, storage, now.After(ahead), ask(1, limit))
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

// TestLargeLimits fills rings around their end, and looks at every answer.
func TestLargeLimits(t *testing.T) {
	server := redisserver.Start(t)
	shared := open(t, server.URL(), patient)
	for _, limit := range []int{4, 100, 10_000} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			storage := shared.UnderSuite(fmt.Sprintf("limit%d:", limit))
			step := window / time.Duration(limit)
			for i := range limit + limit/2 {
				now := start.After(time.Duration(i) * step)
				decision := decide(t, storage, now, ask(1, limit))
				require.False(t, decision.Refused(), "grant %d", i)
				require.Equal(t, max(0, limit-1-i), decision.At(0).Remaining)
				if i >= limit-1 {
					refused := decide(t, storage, now, ask(1, limit))
					require.Equal(t, step, refused.At(0).RetryAfter, "after grant %d", i)
				}
			}
		})
	}
}

// TestLateAroundTheEnd fills a small ring and goes around its end, slot by slot: with each, a
// caller who is late by a nanosecond counts as being there at the last grant, wherever in the ring
// that lies.
func TestLateAroundTheEnd(t *testing.T) {
	const limit, step = 4, window / 4
	storage := open(t, redisserver.Start(t).URL(), patient).UnderSuite("late:")
	for i := range 3 * limit {
		now := start.After(time.Duration(i) * step)
		granted := decide(t, storage, now, ask(1, limit))
		require.False(t, granted.Refused(), "grant %d", i)
		if i < limit-1 {
			continue
		}
		late := decide(t, storage, now-1, ask(1, limit))
		require.Equal(t, step, late.At(0).RetryAfter, "after grant %d", i)
	}
}

// TestStepBack steps the server's clock back by an hour: who was blocked is blocked for one window
// more, and no longer.
func TestStepBack(t *testing.T) {
	storage := open(t, redisserver.Start(t).URL(), patient).UnderServersClock("step:")
	const limit = 20
	back := start
	for i := range limit + limit/2 { // around the ring's end
		given := decide(t, storage, back.After(time.Hour+time.Duration(i)*window/limit),
			ask(1, limit))
		require.False(t, given.Refused())
	}
	decision := decide(t, storage, back, ask(1, limit))
	assert.Equal(t, window, decision.At(0).RetryAfter)
	decision = decide(t, storage, back.After(window-1), ask(1, limit))
	assert.Equal(t, time.Nanosecond, decision.At(0).RetryAfter)
	for range limit {
		decision = decide(t, storage, back.After(window), ask(1, limit))
		assert.False(t, decision.Refused())
	}
	decision = decide(t, storage, back.After(window), ask(1, limit))
	assert.True(t, decision.Refused())
}

// TestRingStaysSmall: slots whose grants have left the window are used again, so that a ring has
// room for what counts at once, and not for the limit.
func TestRingStaysSmall(t *testing.T) {
	server := redisserver.Start(t)
	storage := open(t, server.URL(), patient).UnderSuite("small:")
	now := start
	for range 500 {
		now = now.After(window / 2)
		decide(t, storage, now, ask(1, 10_000))
	}
	answer := server.Do(t, "STRLEN", storage.Key(ask(1, 10_000)))
	size, err := answer.AsInt64()
	require.NoError(t, err)
	assert.LessOrEqual(t, size, int64(8+3*8))
}

// TestAnswersThatCannotBe are no decision: something else answers there.
func TestAnswersThatCannotBe(t *testing.T) {
	storage, err := redis.New("redis://localhost", time.Second)
	require.NoError(t, err)
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
			_, err := storage.ReadAnswer(ask(1, 4), text)
			assert.Equal(t, redis.Unintelligible, redis.Sorted(err).Reason)
		})
	}
	standing, err := storage.ReadAnswer(ask(1, 4), answer(4, micros))
	require.NoError(t, err)
	assert.Equal(t, throttle.State{Check: ask(1, 4), ResetAfter: window, RetryAfter: window},
		standing)
}
