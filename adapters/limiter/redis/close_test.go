package redis_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/limiter/redis"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/test/harness/redisserver"
)

// TestCloseWhileHanging closes while a decision waits for a server that says nothing, at the first
// word or later. The timeouts are longer than the test may take: neither an ask nor connecting is
// waited for.
func TestCloseWhileHanging(t *testing.T) {
	for name, silent := range map[string]string{
		"at the greeting": "HELLO", "at the map": "CLUSTER", "at the decision": "EVALSHA",
		"at a Sentinel's question": "SENTINEL", "at the role": "ROLE",
	} {
		for _, timeout := range []time.Duration{time.Hour, 50 * time.Millisecond} {
			t.Run(name+" within "+timeout.String(), func(t *testing.T) {
				f := startFake(t, but(map[string]string{silent: ""}))
				url := f.url()
				if silent == "SENTINEL" {
					url += "?master_set=m"
				}
				if silent == "ROLE" {
					url = startFake(t, sentinelOf(f)).url() + "?master_set=m"
				}
				storage, err := redis.New(url, timeout)
				require.NoError(t, err)
				failed := make(chan error, 1)
				go func() {
					_, err := storage.Decide(context.Background(), 0,
						throttle.NewChecks(hour(1, 4)))
					failed <- err
				}()
				for heard := range f.heard {
					if heard == silent {
						break
					}
				}
				end(t, storage)
				var unavailable *redis.UnavailableError
				require.ErrorAs(t, <-failed, &unavailable)
				_, err = storage.Decide(context.Background(), 0, throttle.NewChecks(hour(1, 4)))
				require.ErrorAs(t, err, &unavailable)
				assert.Equal(t, redis.Unreachable, unavailable.Reason)
				assert.Eventually(t, func() bool {
					return f.open.Load() == 0
				}, redisserver.Timeout, time.Millisecond, "no connection is left")
				end(t, storage)
			})
		}
	}
}

// sentinelOf is a Sentinel that knows a master.
func sentinelOf(master *fake) func([]string) string {
	return func(command []string) string {
		switch {
		case command[0] == "SENTINEL" && command[1] == "SENTINELS":
			return "*0\r\n"
		case command[0] == "SENTINEL":
			return "*2\r\n+127.0.0.1\r\n+" + master.port() + "\r\n"
		case command[0] == "SUBSCRIBE", command[0] == "UNSUBSCRIBE":
			return ""
		}
		return usual(command)
	}
}
