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

// TestCloseWhileServerHangs closes the storage while a decision waits for a server that does not
// answer, from its first command on or from a later one. Close waits neither for the decision nor
// for the connection, whose timeout may be an hour.
func TestCloseWhileServerHangs(t *testing.T) {
	for name, silent := range map[string]string{
		"at the greeting": "HELLO", "at the cluster map": "CLUSTER", "at the decision": "EVALSHA",
		"at a Sentinel command": "SENTINEL", "at the role": "ROLE",
	} {
		for _, timeout := range []time.Duration{time.Hour, 50 * time.Millisecond} {
			t.Run(name+" with a timeout of "+timeout.String(), func(t *testing.T) {
				f := startFake(t, but(map[string]string{silent: ""}))
				url := f.url()
				if silent == "SENTINEL" {
					url += "?master_set=m"
				}
				if silent == "ROLE" {
					url = startFake(t, sentinelOf(f)).url() + "?master_set=m"
				}
				storage := redis.New(serverAt(t, url, timeout))
				failed := make(chan error, 1)
				received := make(chan struct{})
				go func() {
					for { // a short timeout may pass before the server gets the command
						_, err := storage.Decide(context.Background(), 0,
							throttle.NewChecks(hour(1, 4)))
						select {
						case <-received:
							failed <- err
							return
						default:
						}
					}
				}()
				f.await(t, silent)
				close(received)
				end(t, storage)
				var unavailable *redis.UnavailableError
				select {
				case err := <-failed:
					require.ErrorAs(t, err, &unavailable)
				case <-time.After(redisserver.Timeout):
					require.Fail(t, "timed out waiting for the decision to fail")
				}
				_, err := storage.Decide(context.Background(), 0, throttle.NewChecks(hour(1, 4)))
				require.ErrorAs(t, err, &unavailable)
				assert.Equal(t, redis.Unreachable, unavailable.Reason)
				assert.Eventually(t, func() bool {
					return f.open.Load() == 0
				}, redisserver.Timeout, time.Millisecond, "connections that stay open")
				end(t, storage)
			})
		}
	}
}

// sentinelOf returns the answers of a Sentinel that knows a master.
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
