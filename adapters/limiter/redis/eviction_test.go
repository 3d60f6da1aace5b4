package redis_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/limiter/redis"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/test/harness/redisserver"
)

// recorder keeps events.
type recorder struct {
	mu     sync.Mutex
	events []ports.Event
}

func (r *recorder) Record(_ context.Context, event ports.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, event)
}

func (r *recorder) recorded() []ports.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]ports.Event{}, r.events...)
}

// await waits until exactly these events are recorded.
func (r *recorder) await(t *testing.T, events ...ports.Event) {
	t.Helper()
	require.EventuallyWithT(t, func(c *assert.CollectT) { assert.Equal(c, events, r.recorded()) },
		redisserver.Timeout, time.Millisecond, "timed out waiting for events")
}

// TestWatchesEvictionPolicy changes the policy of a server that has outages.
func TestWatchesEvictionPolicy(t *testing.T) {
	evicts := func(policy string) ports.Event {
		return ports.LimiterMisconfigured{Problem: "names a server whose maxmemory-policy is " +
			policy + ": when its memory is full it evicts grants, and limits no longer hold"}
	}
	started := ports.LimiterOutageStarted{Policy: ports.OutageDeny}
	ended := ports.LimiterOutageEnded{Policy: ports.OutageDeny}
	var policy atomic.Value
	policy.Store("allkeys-lru")
	fake := startFake(t, func(command []string) string {
		if command[0] == "INFO" {
			return bulk("maxmemory_policy:" + policy.Load().(string) + "\r\n")
		}
		return usual(command)
	})
	var log recorder
	watch := open(t, fake.url(), patient).WatchEviction(&log)
	watch.Start()
	log.await(t, evicts("allkeys-lru"))

	policy.Store("volatile-ttl")
	watch.Record(t.Context(), started)
	log.await(t, evicts("allkeys-lru"), started)
	watch.Record(t.Context(), ended)
	log.await(t, evicts("allkeys-lru"), started, ended, evicts("volatile-ttl"))

	fake.await(t, "INFO")
	fake.await(t, "INFO")
	watch.Record(t.Context(), ended)
	fake.await(t, "INFO")
	policy.Store("noeviction")
	watch.Record(t.Context(), ended)
	fake.await(t, "INFO")
	log.await(t, evicts("allkeys-lru"), started, ended, evicts("volatile-ttl"), ended, ended,
		ports.LimiterRepaired{})
	watch.Stop()
	watch.Record(t.Context(), started)
	assert.Equal(t, []ports.Event{evicts("allkeys-lru"), started, ended, evicts("volatile-ttl"),
		ended, ended, ports.LimiterRepaired{}, started}, log.recorded(),
		"each policy is recorded once")
}

// TestWatchesRepair changes the policy of a running server back, to which nothing connects anew.
func TestWatchesRepair(t *testing.T) {
	var policy atomic.Value
	policy.Store("allkeys-lru")
	fake := startFake(t, func(command []string) string {
		if command[0] == "INFO" {
			return bulk("maxmemory_policy:" + policy.Load().(string) + "\r\n")
		}
		return usual(command)
	})
	storage := open(t, fake.url(), patient)
	timers := storage.OnTimers()
	next := func() redis.Timer {
		for {
			if timer := nextTimer(t, timers); timer.After == redis.RepairInterval {
				return timer
			}
		}
	}
	var log recorder
	watch := storage.WatchEviction(&log)
	watch.Start()
	defer watch.Stop()
	evicts := ports.LimiterMisconfigured{Problem: "names a server whose maxmemory-policy is " +
		"allkeys-lru: when its memory is full it evicts grants, and limits no longer hold"}
	log.await(t, evicts)
	next().Call()
	again := next()
	log.await(t, evicts)
	policy.Store("noeviction")
	again.Call()
	log.await(t, evicts, ports.LimiterRepaired{})
}

// TestWatchesEvictionPolicyOfNextServer connects anew to a server that evicts, without an outage.
func TestWatchesEvictionPolicyOfNextServer(t *testing.T) {
	var policy atomic.Value
	policy.Store("noeviction")
	fake := startFake(t, func(command []string) string {
		if command[0] == "INFO" {
			return bulk("maxmemory_policy:" + policy.Load().(string) + "\r\n")
		}
		return usual(command)
	})
	storage := open(t, fake.url(), patient)
	timers := storage.OnTimers()
	var log recorder
	watch := storage.WatchEviction(&log)
	watch.Start()
	defer watch.Stop()
	fake.await(t, "INFO")
	policy.Store("allkeys-lfu")
	nextTimer(t, timers).Call()
	log.await(t, ports.LimiterMisconfigured{Problem: "names a server whose maxmemory-policy is " +
		"allkeys-lfu: when its memory is full it evicts grants, and limits no longer hold"})
}

func TestInspect(t *testing.T) {
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
