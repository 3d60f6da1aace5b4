package redis_test

import (
	"context"
	"io"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/limiter/redis"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/test/harness/redisserver"
)

// name is an address that leads to one server and later to another, as the name of a Kubernetes
// Service or a virtual IP does. Open connections stay with their server.
type name struct {
	listener net.Listener
	leadsTo  atomic.Pointer[redisserver.Server]
	open     atomic.Int64 // connections
}

// nameOf returns a name that leads to a server.
func nameOf(t testing.TB, server *redisserver.Server) *name {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	n := &name{listener: listener}
	n.leadsTo.Store(server)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go n.forward(client)
		}
	}()
	return n
}

func (n *name) url() string { return "redis://" + n.listener.Addr().String() }

func (n *name) forward(client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", n.leadsTo.Load().Addr())
	if err != nil {
		return
	}
	n.open.Add(1)
	defer n.open.Add(-1)
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	}()
	_, _ = io.Copy(client, server)
}

// nextTimer waits for a timer of a storage.
func nextTimer(t testing.TB, timers <-chan redis.Timer) redis.Timer {
	t.Helper()
	select {
	case timer := <-timers:
		return timer
	case <-time.After(redisserver.Timeout):
		require.Fail(t, "timed out waiting for a timer")
		return redis.Timer{}
	}
}

// has reports whether a server has the grants of a check.
func has(t testing.TB, server *redisserver.Server, storage *redis.Storage,
	check throttle.Check) bool {
	t.Helper()
	answer := server.Do(t, "EXISTS", storage.Key(check))
	count, err := answer.AsInt64()
	require.NoError(t, err)
	return count == 1
}

// TestFollowsNameAfterFailure has a server fail in ways in which it keeps its connections and
// answers, while its name moves to another server.
func TestFollowsNameAfterFailure(t *testing.T) {
	for code, fail := range map[string]func(t *testing.T, server, other *redisserver.Server){
		"READONLY": func(t *testing.T, server, other *redisserver.Server) {
			server.Do(t, "REPLICAOF", "127.0.0.1", strconv.Itoa(other.Port))
		},
		"OOM": func(t *testing.T, server, _ *redisserver.Server) {
			server.Do(t, "CONFIG", "SET", "maxmemory", "1")
		},
		"NOREPLICAS": func(t *testing.T, server, _ *redisserver.Server) {
			server.Do(t, "CONFIG", "SET", "min-replicas-to-write", "1")
		},
		"MASTERDOWN": func(t *testing.T, server, _ *redisserver.Server) {
			server.Do(t, "CONFIG", "SET", "replica-serve-stale-data", "no")
			server.Do(t, "REPLICAOF", "127.0.0.1", "1")
		},
		"NOPERM": func(t *testing.T, server, _ *redisserver.Server) {
			server.Do(t, "ACL", "SETUSER", "default", "-eval", "-evalsha")
		},
	} {
		t.Run(code, func(t *testing.T) {
			server, other := redisserver.Start(t), redisserver.Start(t)
			name := nameOf(t, server)
			storage := open(t, name.url(), patient)
			require.Equal(t, 3, remaining(t, storage, hour(1, 4)))
			fail(t, server, other)
			failed := fails(t, storage, hour(1, 4))
			assert.Equal(t, redis.Refused, failed.Reason)
			assert.Equal(t, code, failed.Detail)
			name.leadsTo.Store(other)
			assert.Equal(t, 3, remaining(t, storage, hour(2, 4)))
			assert.True(t, has(t, other, storage, hour(2, 4)))
			assert.Eventually(t, func() bool { return name.open.Load() == 1 }, redisserver.Timeout,
				time.Millisecond, "connections to the old server stay open")
		})
	}
}

// TestFollowsNameToWritableServer moves a name while both servers are well: nothing fails, and the
// storage follows when the life of its connection is over.
func TestFollowsNameToWritableServer(t *testing.T) {
	server, other := redisserver.Start(t), redisserver.Start(t)
	name := nameOf(t, server)
	storage := open(t, name.url(), patient)
	timers := storage.OnTimers()
	next := func() redis.Timer { return nextTimer(t, timers) }
	remaining(t, storage, hour(1, 4))
	life := next()
	assert.GreaterOrEqual(t, life.After, redis.MinLife)
	assert.LessOrEqual(t, life.After, redis.MaxLife)
	name.leadsTo.Store(other)
	remaining(t, storage, hour(2, 4))
	assert.True(t, has(t, server, storage, hour(2, 4)), "connections stay within their life")

	life.Call()
	life = next()
	remaining(t, storage, hour(3, 4))
	assert.True(t, has(t, other, storage, hour(3, 4)))
	assert.Eventually(t, func() bool { return name.open.Load() == 1 }, redisserver.Timeout,
		time.Millisecond, "connections to the old server stay open")

	name.leadsTo.Store(server)
	server.Kill()
	life.Call()
	retry := next()
	assert.Equal(t, redis.LifeRetry, retry.After)
	assert.Equal(t, 3, remaining(t, storage, hour(4, 4)), "the old connection stays in use")
	name.leadsTo.Store(other)
	retry.Call()
	assert.GreaterOrEqual(t, next().After, redis.MinLife)
}

// TestReplacesConnectionsWithoutFailures replaces the connections of a storage again and again
// while callers decide. No decision fails.
func TestReplacesConnectionsWithoutFailures(t *testing.T) {
	for kind, url := range map[string]string{"one server": redisserver.Start(t).URL(),
		"a cluster": redisserver.StartCluster(t, 3).URL()} {
		t.Run(kind, func(t *testing.T) {
			storage := open(t, url, patient)
			timers := storage.OnTimers()
			const times = 20
			replaced := 0
			late := time.After(redisserver.Timeout)
			for i := 0; replaced < times; i++ {
				_, err := storage.Decide(context.Background(), 0,
					throttle.NewChecks(hour(byte(i), 1<<20), hour(byte(i+1), 1<<20)))
				require.NoError(t, err)
				select {
				case timer := <-timers:
					timer.Call()
					replaced++
				case <-late:
					require.Fail(t, "timed out waiting for timers")
				default:
				}
			}
		})
	}
}

// TestRestsBetweenReplacements has a server that refuses every decision. Connections are replaced
// at most once in each failureRest.
func TestRestsBetweenReplacements(t *testing.T) {
	fake := startFake(t, but(map[string]string{"EVALSHA": "-OOM full\r\n"}))
	storage := open(t, fake.url(), patient)
	timers := storage.OnTimers()
	assert.Equal(t, "OOM", fails(t, storage, hour(1, 4)).Detail)
	lives := 0
	for round := range 2 {
		for range 100 {
			assert.Equal(t, "OOM", fails(t, storage, hour(1, 4)).Detail)
		}
		var rest *redis.Timer
		for rest == nil || lives < round+2 { // the first connection has a life, too
			if timer := nextTimer(t, timers); timer.After == redis.FailureRest {
				rest = &timer
			} else {
				lives++
			}
		}
		assert.Eventually(t, func() bool { return fake.open.Load() == 1 }, redisserver.Timeout,
			time.Millisecond, "one connection stays")
		rest.Call()
	}
	greetings := 0
	for len(fake.commands) > 0 {
		if <-fake.commands == "HELLO" {
			greetings++
		}
	}
	assert.Equal(t, 3, greetings, "connections, two of them replacements")
}

// TestConnectsIfDecisionTimeIsTooShort reconnects to a server whose greeting takes longer than a
// decision may.
func TestConnectsIfDecisionTimeIsTooShort(t *testing.T) {
	var down atomic.Bool
	fake := startFake(t, func(command []string) string {
		switch {
		case down.Load():
			return endConnection
		case command[0] == "HELLO":
			time.Sleep(400 * time.Millisecond)
		}
		return usual(command)
	})
	storage := open(t, fake.url(), 100*time.Millisecond)
	timers := storage.OnTimers()
	decides := func() bool {
		_, err := storage.Decide(context.Background(), 0, throttle.NewChecks(hour(1, 4)))
		return err == nil
	}
	require.Eventually(t, decides, redisserver.Timeout, time.Millisecond)
	down.Store(true)
	var rest redis.Timer
	replacementFailed := false
	require.Eventually(t, func() bool {
		// A decision whose time is over before the connection ends replaces nothing: try again.
		if rest.Call != nil {
			rest.Call()
			rest = redis.Timer{}
		}
		decides()
		for len(timers) > 0 {
			timer := <-timers
			if timer.After == redis.FailureRest {
				rest = timer
			}
			replacementFailed = replacementFailed || timer.After == redis.LifeRetry
		}
		return replacementFailed
	}, redisserver.Timeout, time.Millisecond, "no failed attempt to replace the connection")
	down.Store(false)
	if rest.Call != nil {
		rest.Call()
	}
	require.Eventually(t, decides, redisserver.Timeout, time.Millisecond)
}
