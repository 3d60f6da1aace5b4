// Package portstest holds the conformance suites that every adapter of a port must pass, each with
// a reference model. The test of an adapter is a few lines that open it and run the suite. The
// package imports domain, ports, and test libraries.
package portstest

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// Limiter opens the storage under test. Each call returns a new, empty one, with room for a
// thousand subjects and limits of up to LargestLimit.
type Limiter func(t testing.TB) ports.LimiterStorage

// LargestLimit is the largest limit that the suite uses.
const LargestLimit = 100

// waitLimit is how long the suite waits for concurrent callers before it reports that they hang.
const waitLimit = 5 * time.Minute

// TestLimiter runs the whole suite on the storages that open returns.
func TestLimiter(t *testing.T, open Limiter) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, storage ports.LimiterStorage)
	}{
		{"a grant expires exactly one window later", testExpiresExactly},
		{"grants at several instants expire one by one", testExpiresOneByOne},
		{"a refusal takes no grant in any dimension", testRefusalTakesNothing},
		{"every check of a list can refuse all of it", testAnyCheckRefusesAll},
		{"a refusal names the longest wait, the first check if equal", testNamesLongestWait},
		{"a used proof outranks every other refusal", testUsedProof},
		{"a late caller counts as being at the last grant", testLateCaller},
		{"a late caller gains nothing from a window that ended for another",
			testLateAcrossWindowEnd},
		{"windows of different lengths are independent", testWindowsIndependent},
		{"a lowered limit counts earlier grants", testLoweredLimit},
		{"a limit of a hundred is exact", testLimitOfHundred},
		{"concurrent callers never exceed the limit", testConcurrent},
		{"concurrent callers use each proof once", testConcurrentProofs},
		{"concurrent callers on a moving clock never exceed the limit", testMovingClock},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
	t.Run("random schedules match the model", func(t *testing.T) { testRandomSchedules(t, open) })
}

// start is where the suite's clocks begin; any instant would do.
const start throttle.Instant = 1_000_000_000_000

const window = time.Minute

// subject returns the subject with a number.
func subject(dimension throttle.Dimension, number int) throttle.Subject {
	return throttle.Subject{0: byte(dimension) + 1, 1: byte(number >> 8), 2: byte(number)}
}

// check returns the check of a subject with a number.
func check(dimension throttle.Dimension, number, limit int) throttle.Check {
	return throttle.Check{Dimension: dimension, Subject: subject(dimension, number), Limit: limit,
		Window: window}
}

func byAddress(number, limit int) throttle.Check { return check(throttle.ByAddress, number, limit) }

func byNetwork(number, limit int) throttle.Check { return check(throttle.ByNetwork, number, limit) }

func byInstall(number, limit int) throttle.Check { return check(throttle.ByInstall, number, limit) }

// decide returns the storage's decision, and fails the test on an error.
func decide(t testing.TB, storage ports.LimiterStorage, now throttle.Instant,
	checks ...throttle.Check) throttle.Decision {
	t.Helper()
	decision, err := storage.Decide(context.Background(), now, throttle.NewChecks(checks...))
	require.NoError(t, err)
	require.Equal(t, len(checks), decision.Len(), "a decision has one state for each check")
	return decision
}

// granted fails the test unless the storage grants the checks.
func granted(t testing.TB, storage ports.LimiterStorage, now throttle.Instant,
	checks ...throttle.Check) {
	t.Helper()
	decision := decide(t, storage, now, checks...)
	require.False(t, decision.Refused(), "the checks should be granted")
}

// refused fails the test unless the storage refuses the checks, and returns the refusal.
func refused(t testing.TB, storage ports.LimiterStorage, now throttle.Instant,
	checks ...throttle.Check) throttle.Refusal {
	t.Helper()
	decision := decide(t, storage, now, checks...)
	refusal, ok := decision.Refusal()
	require.True(t, ok, "the checks should be refused")
	return *refusal
}

func testExpiresExactly(t *testing.T, storage ports.LimiterStorage) {
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

func testExpiresOneByOne(t *testing.T, storage ports.LimiterStorage) {
	for i := range 4 {
		granted(t, storage, start.After(time.Duration(i)*time.Second), byInstall(1, 4))
	}
	for i := range 4 {
		expires := start.After(window + time.Duration(i)*time.Second)
		assert.Equal(t, time.Nanosecond, refused(t, storage, expires-1, byInstall(1, 4)).RetryAfter)
		granted(t, storage, expires, byInstall(1, 4))
	}
}

func testRefusalTakesNothing(t *testing.T, storage ports.LimiterStorage) {
	for range 4 {
		granted(t, storage, start, byAddress(1, 8), byInstall(1, 4))
	}
	for range 100 {
		refusal := refused(t, storage, start, byAddress(1, 8), byInstall(1, 4))
		assert.Equal(t, throttle.ByInstall, refusal.Dimension)
		assert.Equal(t, 4, refusal.Decision.At(0).Remaining, "the address keeps its grants")
		assert.Equal(t, 0, refusal.Decision.At(1).Remaining)
	}
	for range 4 {
		granted(t, storage, start, byAddress(1, 8), byInstall(2, 4))
	}
	refusal := refused(t, storage, start, byAddress(1, 8), byInstall(3, 4))
	assert.Equal(t, throttle.ByAddress, refusal.Dimension)
	unknown := refusal.Decision.At(1)
	assert.Equal(t, 4, unknown.Remaining)
	assert.Zero(t, unknown.ResetAfter,
		"nothing is counted for an installation that never got a grant")
	refused(t, storage, start.After(window-1), byInstall(1, 4))
	granted(t, storage, start.After(window), byInstall(1, 4))
}

// testAnyCheckRefusesAll makes lists of every length. In turn, each check of a list is the one that
// refuses it, and takes nothing from the others, whether they had grants before or not.
func testAnyCheckRefusesAll(t *testing.T, storage ports.LimiterStorage) {
	dimensions := throttle.Dimensions()[:throttle.MaxChecks]
	number := 0
	for length := 1; length <= throttle.MaxChecks; length++ {
		for full := range length {
			for _, before := range []int{0, 1} {
				number++
				checks := make([]throttle.Check, length)
				for i, dimension := range dimensions[:length] {
					checks[i] = check(dimension, number, 2)
					for range before {
						granted(t, storage, start, checks[i])
					}
				}
				for range 2 - before {
					granted(t, storage, start.After(time.Second), checks[full])
				}
				refusal := refused(t, storage, start.After(2*time.Second), checks...)
				assert.Equal(t, dimensions[full], refusal.Dimension)
				for i := range length {
					if i != full {
						assert.Equal(t, 2-before, refusal.Decision.At(i).Remaining)
					}
				}
				checks[full].Limit = 3
				decision := decide(t, storage, start.After(2*time.Second), checks...)
				assert.False(t, decision.Refused())
				for i := range length {
					if i != full {
						assert.Equal(t, 1-before, decision.At(i).Remaining)
					}
				}
			}
		}
	}
}

func testNamesLongestWait(t *testing.T, storage ports.LimiterStorage) {
	granted(t, storage, start, byAddress(1, 1))
	granted(t, storage, start.After(time.Second), byInstall(1, 1))
	later := start.After(2 * time.Second)
	refusal := refused(t, storage, later, byAddress(1, 1), byInstall(1, 1))
	assert.Equal(t, throttle.ByInstall, refusal.Dimension)
	assert.Equal(t, window-time.Second, refusal.RetryAfter)

	granted(t, storage, start, byAddress(2, 1), byInstall(2, 1))
	refusal = refused(t, storage, later, byAddress(2, 1), byInstall(2, 1))
	assert.Equal(t, throttle.ByAddress, refusal.Dimension)

	granted(t, storage, start.After(time.Second), byNetwork(3, 1))
	granted(t, storage, start, byAddress(3, 1), byInstall(3, 1))
	refusal = refused(t, storage, later, byAddress(3, 1), byNetwork(3, 1), byInstall(3, 1))
	assert.Equal(t, throttle.ByNetwork, refusal.Dimension)
	assert.Equal(t, window-time.Second, refusal.RetryAfter)
}

// testUsedProof makes checks with a proof at every place of the list. A used proof refuses the
// list, which takes nothing, even if a limit would refuse it too. A list that a limit refuses does
// not use up its proof.
func testUsedProof(t *testing.T, storage ports.LimiterStorage) {
	for at := range throttle.MaxChecks {
		proofOf := func(number int) throttle.Check {
			proof := check(throttle.ByProof, 10*at+number, throttle.ProofLimit)
			proof.Window = 7 * window
			return proof
		}
		list := func(proof throttle.Check) []throttle.Check {
			return slices.Insert([]throttle.Check{byAddress(at, 3), byNetwork(at, 3),
				byInstall(at, 2)}, at, proof)
		}
		granted(t, storage, start, list(proofOf(1))...)
		for range 3 {
			refusal := refused(t, storage, start.After(time.Second), list(proofOf(1))...)
			assert.Equal(t, throttle.ByProof, refusal.Dimension)
			assert.Equal(t, 7*window-time.Second, refusal.RetryAfter)
		}
		granted(t, storage, start, list(proofOf(2))...)
		refusal := refused(t, storage, start.After(time.Second), list(proofOf(2))...)
		assert.Equal(t, throttle.ByProof, refusal.Dimension, "the installation is at its limit too")
		for range 3 {
			refusal := refused(t, storage, start.After(time.Second), list(proofOf(3))...)
			assert.Equal(t, throttle.ByInstall, refusal.Dimension)
		}
		granted(t, storage, start.After(2*time.Second), byAddress(at, 3), byNetwork(at, 3),
			proofOf(3))
		refused(t, storage, start.After(2*time.Second), proofOf(3))
	}
	proof := check(throttle.ByProof, 99, throttle.ProofLimit)
	granted(t, storage, start, proof)
	refused(t, storage, start.After(window-1), proof)
	granted(t, storage, start.After(window), proof)
}

// testConcurrentProofs has callers use the same proofs at once, together with checks that are never
// refused: each proof is accepted once.
func testConcurrentProofs(t *testing.T, storage ports.LimiterStorage) {
	const callers, proofs = 16, 8
	var accepted [proofs]atomic.Int64
	var group sync.WaitGroup
	begin := make(chan struct{})
	for caller := range callers {
		group.Go(func() {
			<-begin
			for number := range proofs {
				decision, err := storage.Decide(context.Background(), start, throttle.NewChecks(
					byAddress(1, LargestLimit), byInstall(caller, LargestLimit),
					check(throttle.ByProof, number, throttle.ProofLimit)))
				if assert.NoError(t, err) && !decision.Refused() {
					accepted[number].Add(1)
				}
			}
		})
	}
	close(begin)
	wait(t, &group)
	for number := range proofs {
		assert.EqualValues(t, 1, accepted[number].Load(), "proof %d", number)
	}
}

func testLateCaller(t *testing.T, storage ports.LimiterStorage) {
	granted(t, storage, start, byAddress(1, 2))
	granted(t, storage, start-throttle.Instant(time.Second), byAddress(1, 2))
	refusal := refused(t, storage, start-throttle.Instant(time.Second), byAddress(1, 2))
	assert.Equal(t, window, refusal.RetryAfter, "the wait counts from the last grant")
	refused(t, storage, start.After(window-1), byAddress(1, 2))
	granted(t, storage, start.After(window), byAddress(1, 2))
}

// testLateAcrossWindowEnd has one caller decide at the end of a window, and then a late caller,
// which read its clock earlier, within that window. The late caller may be refused or counted as
// being at the end of the window, but the two grants may never lie in one window.
func testLateAcrossWindowEnd(t *testing.T, storage ports.LimiterStorage) {
	granted(t, storage, start, byAddress(1, 1))
	granted(t, storage, start.After(window), byAddress(2, 1))
	decision := decide(t, storage, start.After(window-1), byAddress(1, 1))
	if decision.Refused() {
		granted(t, storage, start.After(window), byAddress(1, 1))
	}
	refused(t, storage, start.After(2*window-1), byAddress(1, 1))
	granted(t, storage, start.After(2*window), byAddress(1, 1))
}

func testWindowsIndependent(t *testing.T, storage ports.LimiterStorage) {
	short := byAddress(1, 1)
	short.Window = time.Second
	granted(t, storage, start, byAddress(1, 1))
	granted(t, storage, start, short)
	refused(t, storage, start.After(time.Second-1), short)
	granted(t, storage, start.After(time.Second), short)
	refused(t, storage, start.After(window-1), byAddress(1, 1))
	granted(t, storage, start.After(window), byAddress(1, 1))
}

func testLoweredLimit(t *testing.T, storage ports.LimiterStorage) {
	for i := range 8 {
		granted(t, storage, start.After(time.Duration(i)*time.Second), byAddress(1, 8))
	}
	at := start.After(10 * time.Second)
	refusal := refused(t, storage, at, byAddress(1, 2))
	assert.Equal(t, at.Until(start.After(window+6*time.Second)), refusal.RetryAfter,
		"the second last grant must expire first")
	granted(t, storage, start.After(window+6*time.Second), byAddress(1, 2))
}

func testLimitOfHundred(t *testing.T, storage ports.LimiterStorage) {
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

func testConcurrent(t *testing.T, storage ports.LimiterStorage) {
	const callers, tries, installs = 16, 2, 4
	for round := range 100 { // callers contend mostly at the start of a round
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
					checks := throttle.NewChecks(byAddress(1, 8), byNetwork(1, 10),
						byInstall(install, 4))
					decision, err := storage.Decide(context.Background(), now, checks)
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
		wait(t, &group)
		for install := range installs {
			assert.LessOrEqual(t, each[install].Load(), int64(4))
		}
		assert.LessOrEqual(t, total.Load(), int64(8))
		// Under contention, and only there, a storage may refuse once too often.
		for range 8 - total.Load() {
			granted(t, storage, now, byAddress(1, 8))
		}
		refused(t, storage, now, byAddress(1, 8))
	}
}

// testMovingClock has callers take instants from one clock and use them in any order. The total
// number of grants shows whether any window held more than the limit: because an instant is read
// before the storage locks, a grant may count as later than its caller's now, so what is bounded is
// the sum over many windows.
func testMovingClock(t *testing.T, storage ports.LimiterStorage) {
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
	wait(t, &group)
	windows := (clock.Load()-int64(start))/int64(window) + 1
	assert.LessOrEqual(t, grants.Load(), windows*limit)
	assert.GreaterOrEqual(t, grants.Load(), (windows-1)*limit-callers,
		"a storage does not refuse below the limit")
}

// wait waits for the callers in a group to return, and fails the test if they hang.
func wait(t *testing.T, group *sync.WaitGroup) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		group.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(waitLimit):
		t.Fatalf("concurrent callers have not returned after %s", waitLimit)
	}
}
