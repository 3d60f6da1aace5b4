package redis_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/limiter/redis"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/ports/portstest"
	"github.com/offload/sessiond/test/harness/redisserver"
)

// patient is a timeout that only a hang reaches.
const patient = 30 * time.Second

// open creates a storage that closes with the test.
func open(t testing.TB, url string, timeout time.Duration) *redis.Storage {
	t.Helper()
	storage := redis.New(serverAt(t, url, timeout))
	t.Cleanup(func() { end(t, storage) })
	return storage
}

// keyPrefix is the prefix of all keys.
const keyPrefix = "sessiond:"

// serverAt returns the server with that URL.
func serverAt(t testing.TB, url string, timeout time.Duration) redis.Server {
	t.Helper()
	return redis.Server{URL: parse(t, url), KeyPrefix: keyPrefix, Timeout: timeout,
		Draw: rand.Float64}
}

// parse parses a valid URL.
func parse(t testing.TB, url string) redis.URL {
	t.Helper()
	parsed, err := redis.ParseURL(url)
	require.NoError(t, err)
	return parsed
}

// end closes a storage, and fails the test if that takes long.
func end(t testing.TB, storage *redis.Storage) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), redisserver.Timeout)
	defer cancel()
	storage.Close(ctx)
	require.NoError(t, ctx.Err(), "timed out waiting for Close")
}

// suite returns storages that are each empty, on one server.
func suite(storage *redis.Storage) portstest.Limiter {
	var count atomic.Int64
	return func(testing.TB) ports.LimiterStorage {
		return storage.UnderSuite(fmt.Sprintf("suite%d:", count.Add(1)))
	}
}

func TestConformsToLimiterStorage(t *testing.T) {
	t.Run("one server", func(t *testing.T) {
		portstest.TestLimiter(t, suite(open(t, redisserver.Start(t).URL(), patient)))
	})
	t.Run("a cluster of three masters", func(t *testing.T) {
		portstest.TestLimiter(t, suite(open(t, redisserver.StartCluster(t, 3).URL(), patient)))
	})
}
