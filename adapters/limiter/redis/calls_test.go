package redis_test

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/limiter/redis"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/test/harness/redisserver"
)

// numbered returns a check of a subject with a number.
func numbered(dimension throttle.Dimension, number byte, limit int) throttle.Check {
	return throttle.Check{Dimension: dimension, Subject: throttle.Subject{byte(dimension), number},
		Limit: limit, Window: time.Minute}
}

// outcome is what Decide returned.
type outcome struct {
	decision throttle.Decision
	err      error
}

// begin has callers decide, each on checks of its own. The function that it returns waits for all
// of them and returns their outcomes.
func begin(ctx context.Context, storage *redis.Storage, callers int,
	checks func(caller int) throttle.Checks) func() []outcome {
	outcomes := make([]outcome, callers)
	var group sync.WaitGroup
	for caller := range callers {
		group.Go(func() {
			decision, err := storage.Decide(ctx, 0, checks(caller))
			outcomes[caller] = outcome{decision, err}
		})
	}
	return func() []outcome {
		group.Wait()
		return outcomes
	}
}

// awaitSent waits until that number of calls is under way.
func awaitSent(t *testing.T, storage *redis.Storage, calls int) {
	t.Helper()
	require.Eventually(t, func() bool { _, busy := storage.Calls(); return busy == calls },
		redisserver.Timeout, time.Millisecond, "waiting for %d calls to be sent", calls)
}

// awaitWaiting waits until that number of decisions wait to be sent.
func awaitWaiting(t *testing.T, storage *redis.Storage, callers int) {
	t.Helper()
	require.Eventually(t, func() bool { waiting, _ := storage.Calls(); return waiting == callers },
		redisserver.Timeout, time.Millisecond, "waiting for %d decisions to gather", callers)
}

// TestWaitingDecisionsShareACall has a server hold its replies until decisions have gathered. The
// reply to the call that they share, or its error, is the outcome of each.
func TestWaitingDecisionsShareACall(t *testing.T) {
	const callers = 20
	only := func(caller int) throttle.Checks {
		return throttle.NewChecks(numbered(throttle.ByInstall, byte(caller), 4))
	}
	for name, fails := range map[string]bool{"reply": false, "error": true} {
		t.Run(name, func(t *testing.T) {
			release := make(chan struct{})
			var mu sync.Mutex
			var keys []int
			server := startFake(t, func(command []string) string {
				if command[0] != "EVALSHA" {
					return usual(command)
				}
				<-release
				n, err := strconv.Atoi(command[2])
				assert.NoError(t, err)
				mu.Lock()
				defer mu.Unlock()
				keys = append(keys, n)
				if fails && n > 1 {
					return "-OOM command not allowed\r\n"
				}
				return bulk(strings.Repeat(strings.TrimPrefix(strings.TrimSuffix(granted, "\r\n"),
					"$20\r\n"), n))
			})
			storage := open(t, server.url(), patient)
			alone := begin(context.Background(), storage, redis.CallsAtOnce, only)
			awaitSent(t, storage, redis.CallsAtOnce)
			together := begin(context.Background(), storage, callers, only)
			awaitWaiting(t, storage, callers)
			close(release)
			for _, got := range alone() {
				assert.NoError(t, got.err)
			}
			for _, got := range together() {
				if fails {
					assert.ErrorContains(t, got.err, "OOM")
					continue
				}
				if assert.NoError(t, got.err) {
					state := got.decision.At(0)
					assert.Equal(t, 2, state.Remaining)
				}
			}
			assert.ElementsMatch(t, []int{1, 1, callers}, keys)
		})
	}
}

// TestSharedCallDecidesOneAfterTheOther shows that a decision sees the grants of those before it in
// the same call, and that a refused one takes nothing.
func TestSharedCallDecidesOneAfterTheOther(t *testing.T) {
	const callers = 20
	server := redisserver.Start(t)
	storage := open(t, server.URL(), patient)
	for name, c := range map[string]struct{ limit, before int }{
		"the short way": {limit: 5}, "the long way": {limit: 40, before: 32},
	} {
		t.Run(name, func(t *testing.T) {
			first := byte(c.limit) // so that each case has subjects of its own
			shared := throttle.NewChecks(numbered(throttle.ByAddress, first, c.limit))
			own := func(caller int) throttle.Check {
				return numbered(throttle.ByInstall, first+byte(caller), 1)
			}
			ctx := context.Background()
			connect := throttle.NewChecks(numbered(throttle.ByRenewal, first, 100))
			_, err := storage.Decide(ctx, 0, connect)
			require.NoError(t, err)
			for range c.before {
				_, err := storage.Decide(ctx, 0, shared)
				require.NoError(t, err)
			}
			server.Hang(t)
			alone := begin(ctx, storage, redis.CallsAtOnce, func(int) throttle.Checks {
				return connect
			})
			awaitSent(t, storage, redis.CallsAtOnce)
			together := begin(ctx, storage, callers, func(caller int) throttle.Checks {
				return throttle.NewChecks(shared.At(0), own(caller))
			})
			awaitWaiting(t, storage, callers)
			server.Resume(t)
			alone()
			grants := 0
			for caller, got := range together() {
				require.NoError(t, got.err)
				if !got.decision.Refused() {
					grants++
				}
				again, err := storage.Decide(ctx, 0, throttle.NewChecks(own(caller)))
				require.NoError(t, err)
				assert.Equal(t, !got.decision.Refused(), again.Refused())
			}
			assert.Equal(t, c.limit-c.before, grants)
		})
	}
}

// TestCallThatAllHaveLeftMakesRoom shows that decisions are sent although the server has not
// answered the calls before them, once the callers of those have left.
func TestCallThatAllHaveLeftMakesRoom(t *testing.T) {
	server := redisserver.Start(t)
	storage := open(t, server.URL(), patient)
	checks := func(caller int) throttle.Checks {
		return throttle.NewChecks(numbered(throttle.ByInstall, byte(caller), 100))
	}
	_, err := storage.Decide(context.Background(), 0, checks(0))
	require.NoError(t, err)
	server.Hang(t)
	ctx, leave := context.WithCancel(context.Background())
	before := begin(ctx, storage, redis.CallsAtOnce, checks)
	awaitSent(t, storage, redis.CallsAtOnce)
	after := begin(context.Background(), storage, redis.CallsAtOnce, checks)
	awaitWaiting(t, storage, redis.CallsAtOnce)
	leave()
	for _, got := range before() {
		assert.Error(t, got.err)
	}
	awaitWaiting(t, storage, 0)
	server.Resume(t)
	for _, got := range after() {
		assert.NoError(t, got.err)
	}
}
