package redis_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/limiter/redis"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/ports/portsfake"
	"github.com/offload/sessiond/test/harness/redisserver"
)

// awaitEvents waits until exactly these events are recorded.
func awaitEvents(t *testing.T, log *portsfake.Events, events ...ports.Event) {
	t.Helper()
	require.EventuallyWithT(t, func(c *assert.CollectT) { assert.Equal(c, events, log.Recorded()) },
		redisserver.Timeout, time.Millisecond, "timed out waiting for events")
}

// startWithPolicy starts a fake server with a maxmemory-policy, which the test can change.
func startWithPolicy(t *testing.T, policy string) (*fake, *atomic.Value) {
	t.Helper()
	var current atomic.Value
	current.Store(policy)
	return startFake(t, func(command []string) string {
		if command[0] == "INFO" {
			return bulk("maxmemory_policy:" + current.Load().(string) + "\r\n")
		}
		return usual(command)
	}), &current
}

// evicts returns the event for a server with a policy under which it evicts grants.
func evicts(policy string) ports.Event {
	return ports.LimiterMisconfigured{Problem: "names a server whose maxmemory-policy is " +
		policy + ": when its memory is full it evicts grants, and limits no longer hold"}
}

// TestWatchesEvictionPolicy changes the policy of a server that has outages: each policy is
// recorded once, after the outage.
func TestWatchesEvictionPolicy(t *testing.T) {
	started := ports.LimiterOutageStarted{Policy: ports.OutageDeny}
	ended := ports.LimiterOutageEnded{Policy: ports.OutageDeny}
	fake, policy := startWithPolicy(t, "allkeys-lru")
	var log portsfake.Events
	watch := open(t, fake.url(), patient).WatchEviction(&log)
	watch.Start()
	awaitEvents(t, &log, evicts("allkeys-lru"))

	policy.Store("volatile-ttl")
	watch.Record(t.Context(), started)
	awaitEvents(t, &log, evicts("allkeys-lru"), started)
	watch.Record(t.Context(), ended)
	awaitEvents(t, &log, evicts("allkeys-lru"), started, ended, evicts("volatile-ttl"))

	fake.await(t, "INFO")
	fake.await(t, "INFO")
	watch.Record(t.Context(), ended)
	fake.await(t, "INFO")
	policy.Store("noeviction")
	watch.Record(t.Context(), ended)
	fake.await(t, "INFO")
	awaitEvents(t, &log, evicts("allkeys-lru"), started, ended, evicts("volatile-ttl"), ended, ended,
		ports.LimiterRepaired{})
	watch.Stop()
	watch.Record(t.Context(), started)
	assert.Equal(t, []ports.Event{evicts("allkeys-lru"), started, ended, evicts("volatile-ttl"),
		ended, ended, ports.LimiterRepaired{}, started}, log.Recorded(),
		"each policy is recorded once")
}

// TestRecordsRepairOfRunningServer changes the policy of a server back, without an outage and
// without a new connection.
func TestRecordsRepairOfRunningServer(t *testing.T) {
	fake, policy := startWithPolicy(t, "allkeys-lru")
	storage := open(t, fake.url(), patient)
	timers := storage.OnTimers()
	next := func() redis.Timer {
		for {
			if timer := nextTimer(t, timers); timer.After == redis.RepairInterval {
				return timer
			}
		}
	}
	var log portsfake.Events
	watch := storage.WatchEviction(&log)
	watch.Start()
	defer watch.Stop()
	awaitEvents(t, &log, evicts("allkeys-lru"))
	next().Call()
	again := next()
	awaitEvents(t, &log, evicts("allkeys-lru"))
	policy.Store("noeviction")
	again.Call()
	awaitEvents(t, &log, evicts("allkeys-lru"), ports.LimiterRepaired{})
}

// TestWatchesEvictionPolicyOfNextServer connects anew to a server that evicts, without an outage.
func TestWatchesEvictionPolicyOfNextServer(t *testing.T) {
	fake, policy := startWithPolicy(t, "noeviction")
	storage := open(t, fake.url(), patient)
	timers := storage.OnTimers()
	var log portsfake.Events
	watch := storage.WatchEviction(&log)
	watch.Start()
	defer watch.Stop()
	fake.await(t, "INFO")
	policy.Store("allkeys-lfu")
	nextTimer(t, timers).Call()
	awaitEvents(t, &log, evicts("allkeys-lfu"))
}

// TestInspectReportsEachProblem inspects a server that is well, slow, evicts keys, refuses INFO,
// and is down.
func TestInspectReportsEachProblem(t *testing.T) {
	server := redisserver.Start(t)
	inspect := func(url string, timeout time.Duration) []redis.Finding {
		found := redis.Inspect(t.Context(), redis.Inspection{Server: serverAt(t, url, timeout),
			TimeoutVariable: "TIMEOUT"})
		for _, finding := range found {
			assert.NotContains(t, finding.Problem+finding.Remedy, "127.0.0.1")
		}
		return found
	}
	assert.Empty(t, inspect(server.URL(), patient))

	found := inspect(server.URL(), time.Nanosecond)
	require.Len(t, found, 1)
	assert.True(t, strings.HasPrefix(found[0].Problem,
		"names a server that does not decide within 0 ms from here (redis: timed_out"), found[0])
	assert.Equal(t, "move the server closer, or raise TIMEOUT", found[0].Remedy)

	server.Do(t, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
	found = inspect(server.URL(), patient)
	require.Len(t, found, 1)
	assert.Contains(t, found[0].Problem, "maxmemory-policy is allkeys-lru")
	assert.Equal(t, "set its maxmemory-policy to noeviction", found[0].Remedy)

	server.Do(t, "ACL", "SETUSER", "default", "-info")
	found = inspect(server.URL(), patient)
	require.Len(t, found, 1)
	assert.Contains(t, found[0].Problem, "maxmemory-policy (redis: refused: NOPERM)")

	server.Kill()
	found = inspect(server.URL(), patient)
	require.Len(t, found, 1)
	assert.Contains(t, found[0].Problem, "names a server that does not decide (redis: unreachable")
	assert.Contains(t, found[0].Remedy, "cmd/sessiond/docs/limits.md")
}
