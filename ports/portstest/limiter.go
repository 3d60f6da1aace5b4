// Package portstest holds the suites that every adapter of a port must pass, each with its reference model. An adapter's own test is a few
// lines that hand over how to make one. It imports domain, ports, and what tests need.
package portstest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// Limiter is a storage under the suite: a new one, empty, with room for a thousand subjects and limits of up to LargestLimit.
type Limiter func(t testing.TB) ports.LimiterStorage

// LargestLimit is the largest limit that the suite asks.
const LargestLimit = 100

// TestLimiter runs the whole suite.
func TestLimiter(t *testing.T, open Limiter) {
	t.Run("a grant leaves exactly one window after it was given", func(t *testing.T) {
		leavesExactly(t, open(t))
	})
	t.Run("grants at several instants leave one by one", func(t *testing.T) {
		leavesOneByOne(t, open(t))
	})
	t.Run("a refusal takes nothing from any dimension", func(t *testing.T) {
		takesNothing(t, open(t))
	})
	t.Run("the longer wait is named, the first asked when equal", func(t *testing.T) {
		namesLongest(t, open(t))
	})
	t.Run("a late caller counts as being at the last grant", func(t *testing.T) {
		lateCaller(t, open(t))
	})
	t.Run("a late caller gains nothing from a window that ended for others", func(t *testing.T) {
		lateAcrossEnd(t, open(t))
	})
	t.Run("windows of different lengths are apart", func(t *testing.T) { windowsApart(t, open(t)) })
	t.Run("a lowered limit counts what was granted before", func(t *testing.T) {
		loweredLimit(t, open(t))
	})
	t.Run("a limit of a hundred is exact", func(t *testing.T) { hundred(t, open(t)) })
	t.Run("concurrent callers never get more than the limit", func(t *testing.T) {
		concurrent(t, open(t))
	})
	t.Run("concurrent callers on a moving clock", func(t *testing.T) { movingClock(t, open(t)) })
	t.Run("random schedules answer as the model does", func(t *testing.T) {
		randomSchedules(t, open)
	})
}

// start is where the suite's clocks begin: any instant does.
const start throttle.Instant = 1_000_000_000_000

const window = time.Minute

// subject makes one up.
func subject(dimension throttle.Dimension, number int) throttle.Subject {
	return throttle.Subject{0: byte(dimension) + 1, 1: byte(number >> 8), 2: byte(number)}
}

func byAddress(number, limit int) throttle.Check {
	return throttle.Check{
		Dimension: throttle.ByAddress, Subject: subject(throttle.ByAddress, number), Limit: limit,
		Window: window,
	}
}

func byInstall(number, limit int) throttle.Check {
	return throttle.Check{
		Dimension: throttle.ByInstall, Subject: subject(throttle.ByInstall, number), Limit: limit,
		Window: window,
	}
}

// decide asks, and fails the test where the storage does.
func decide(t testing.TB, storage ports.LimiterStorage, now throttle.Instant,
	asks ...throttle.Check) throttle.Decision {
	t.Helper()
	decision, err := storage.Decide(context.Background(), now, throttle.NewChecks(asks...))
	require.NoError(t, err)
	require.Equal(t, len(asks), decision.Len(), "a decision has one standing for each ask")
	return decision
}

func granted(t testing.TB, storage ports.LimiterStorage, now throttle.Instant,
	asks ...throttle.Check) {
	t.Helper()
	decision := decide(t, storage, now, asks...)
	require.False(t, decision.Refused(), "should be granted")
}

func refused(t testing.TB, storage ports.LimiterStorage, now throttle.Instant,
	asks ...throttle.Check) throttle.Refusal {
	t.Helper()
	decision := decide(t, storage, now, asks...)
	refusal, is := decision.Refusal()
	require.True(t, is, "should be refused")
	return *refusal
}

func leavesExactly(t *testing.T, storage ports.LimiterStorage) {
	for range 8 {
		granted(t, storage, start, byAddress(1, 8))
	}
	refusal := refused(t, storage, start, byAddress(1, 8))
	assert.Equal(t, window, refusal.RetryAfter)
	last := start.After(window - 1)
	refusal = refused(t, storage, last, byAddress(1, 8))
	assert.Equal(t, time.Nanosecond, refusal.RetryAfter)
	assert.Equal(t, 1, refusal.RetryAfterSeconds())
	for range 8 {
		granted(t, storage, start.After(window), byAddress(1, 8))
	}
	refused(t, storage, start.After(window), byAddress(1, 8))
}

func leavesOneByOne(t *testing.T, storage ports.LimiterStorage) {
	for i := range 4 {
		granted(t, storage, start.After(time.Duration(i)*time.Second), byInstall(1, 4))
	}
	for i := range 4 {
		leaves := start.After(window + time.Duration(i)*time.Second)
		assert.Equal(t, time.Nanosecond, refused(t, storage, leaves-1, byInstall(1, 4)).RetryAfter)
		granted(t, storage, leaves, byInstall(1, 4))
	}
}

func takesNothing(t *testing.T, storage ports.LimiterStorage) {
	for range 4 {
		granted(t, storage, start, byAddress(1, 8), byInstall(1, 4))
	}
	for range 100 {
		refusal := refused(t, storage, start, byAddress(1, 8), byInstall(1, 4))
		assert.Equal(t, throttle.ByInstall, refusal.Dimension)
		assert.Equal(t, 4, refusal.Decision.At(0).Remaining, "the address keeps what it has")
		assert.Equal(t, 0, refusal.Decision.At(1).Remaining)
	}
	for range 4 {
		granted(t, storage, start, byAddress(1, 8), byInstall(2, 4))
	}
	refusal := refused(t, storage, start, byAddress(1, 8), byInstall(3, 4))
	assert.Equal(t, throttle.ByAddress, refusal.Dimension)
	untouched := refusal.Decision.At(1)
	assert.Equal(t, 4, untouched.Remaining)
	assert.Zero(t, untouched.ResetAfter,
		"nothing is counted for an installation that was never granted")
	refused(t, storage, start.After(window-1), byInstall(1, 4))
	granted(t, storage, start.After(window), byInstall(1, 4))
}

func namesLongest(t *testing.T, storage ports.LimiterStorage) {
	granted(t, storage, start, byAddress(1, 1))
	granted(t, storage, start.After(time.Second), byInstall(1, 1))
	later := start.After(2 * time.Second)
	refusal := refused(t, storage, later, byAddress(1, 1), byInstall(1, 1))
	assert.Equal(t, throttle.ByInstall, refusal.Dimension)
	assert.Equal(t, window-time.Second, refusal.RetryAfter)

	granted(t, storage, start, byAddress(2, 1), byInstall(2, 1))
	refusal = refused(t, storage, later, byAddress(2, 1), byInstall(2, 1))
	assert.Equal(t, throttle.ByAddress, refusal.Dimension)
}

func lateCaller(t *testing.T, storage ports.LimiterStorage) {
	granted(t, storage, start, byAddress(1, 2))
	granted(t, storage, start-throttle.Instant(time.Second), byAddress(1, 2))
	refusal := refused(t, storage, start-throttle.Instant(time.Second), byAddress(1, 2))
	assert.Equal(t, window, refusal.RetryAfter, "the wait is reckoned from the last grant")
	refused(t, storage, start.After(window-1), byAddress(1, 2))
	granted(t, storage, start.After(window), byAddress(1, 2))
}

// lateAcrossEnd has one caller see a window end, and another, whose clock was read before, ask in that same window. He may be refused,
// or counted as being at its end, but the two grants may never lie in one window.
func lateAcrossEnd(t *testing.T, storage ports.LimiterStorage) {
	granted(t, storage, start, byAddress(1, 1))
	granted(t, storage, start.After(window), byAddress(2, 1))
	decision := decide(t, storage, start.After(window-1), byAddress(1, 1))
	if decision.Refused() {
		granted(t, storage, start.After(window), byAddress(1, 1))
	}
	refused(t, storage, start.After(2*window-1), byAddress(1, 1))
	granted(t, storage, start.After(2*window), byAddress(1, 1))
}

func windowsApart(t *testing.T, storage ports.LimiterStorage) {
	short := byAddress(1, 1)
	short.Window = time.Second
	granted(t, storage, start, byAddress(1, 1))
	granted(t, storage, start, short)
	refused(t, storage, start.After(time.Second-1), short)
	granted(t, storage, start.After(time.Second), short)
	refused(t, storage, start.After(window-1), byAddress(1, 1))
	granted(t, storage, start.After(window), byAddress(1, 1))
}

func loweredLimit(t *testing.T, storage ports.LimiterStorage) {
	for i := range 8 {
		granted(t, storage, start.After(time.Duration(i)*time.Second), byAddress(1, 8))
	}
	at := start.After(10 * time.Second)
	refusal := refused(t, storage, at, byAddress(1, 2))
	assert.Equal(t, at.Until(start.After(window+6*time.Second)), refusal.RetryAfter,
		"the second last grant must leave first")
	granted(t, storage, start.After(window+6*time.Second), byAddress(1, 2))
}

func hundred(t *testing.T, storage ports.LimiterStorage) {
	step := window / LargestLimit
	for round := range 3 {
		for i := range LargestLimit {
			at := start.After(time.Duration(round)*window + time.Duration(i)*step)
			granted(t, storage, at, byAddress(1, LargestLimit))
			if round > 0 || i == LargestLimit-1 {
				refused(t, storage, at, byAddress(1, LargestLimit))
			}
		}
	}
}

func concurrent(t *testing.T, storage ports.LimiterStorage) {
	const callers, tries, installs = 16, 2, 4
	for round := range 100 { // callers meet at the start of a round, and hardly later
		now := start.After(time.Duration(round) * window)
		var total atomic.Int64
		var each [installs]atomic.Int64
		var group sync.WaitGroup
		begin := make(chan struct{})
		for caller := range callers {
			group.Go(func() {
				<-begin
				for try := range tries {
					install := (caller + try) % installs
					asks := throttle.NewChecks(byAddress(1, 8), byInstall(install, 4))
					decision, err := storage.Decide(context.Background(), now, asks)
					if !assert.NoError(t, err) {
						return
					}
					if !decision.Refused() {
						total.Add(1)
						each[install].Add(1)
					}
				}
			})
		}
		close(begin)
		group.Wait()
		for install := range installs {
			assert.LessOrEqual(t, each[install].Load(), int64(4))
		}
		assert.LessOrEqual(t, total.Load(), int64(8))
		for range 8 - total.Load() { // a storage may refuse once too often where callers meet, and only there
			granted(t, storage, now, byAddress(1, 8))
		}
		refused(t, storage, now, byAddress(1, 8))
	}
}

// movingClock has callers take instants from one clock and ask with them in any order. The grants that each counted tell, at the end,
// whether any window held more than the limit: with instants that are read before a lock is had, a grant may count as later
// than its caller's now, so the sum over many windows is what is bounded.
func movingClock(t *testing.T, storage ports.LimiterStorage) {
	const callers, tries, limit = 8, 400, 5
	var clock, grants atomic.Int64
	clock.Store(int64(start))
	step := int64(window) / 100
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			for range tries {
				now := throttle.Instant(clock.Add(step))
				decision, err := storage.Decide(context.Background(), now,
					throttle.NewChecks(byAddress(1, limit)))
				if !assert.NoError(t, err) {
					return
				}
				if !decision.Refused() {
					grants.Add(1)
				}
			}
		})
	}
	group.Wait()
	windows := (clock.Load()-int64(start))/int64(window) + 1
	assert.LessOrEqual(t, grants.Load(), windows*limit)
	assert.GreaterOrEqual(t, grants.Load(), (windows-1)*limit-callers,
		"who may pass is not refused")
}
