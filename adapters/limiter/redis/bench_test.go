package redis_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports/portstest"
	"github.com/offload/sessiond/test/harness/redisserver"
)

// BenchmarkDecide decides for an address and an installation from 64 callers. Each pair comes ten
// times.
func BenchmarkDecide(b *testing.B) {
	server := redisserver.Start(b)
	storage := open(b, server.URL(), patient)
	for _, limit := range []int{4, 100, 10_000} {
		b.Run(fmt.Sprintf("limit %d", limit), func(b *testing.B) {
			var count atomic.Uint64
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					number := count.Add(1) / 10
					var of [2]throttle.Check
					for i := range of {
						of[i] = throttle.Check{Dimension: throttle.Dimension(i), Limit: limit,
							Window: time.Minute}
						binary.BigEndian.PutUint64(of[i].Subject[8*i:], number)
					}
					_, err := storage.Decide(context.Background(), 0, throttle.NewChecks(of[:]...))
					require.NoError(b, err)
				}
			})
		})
	}
}

// BenchmarkPing measures the minimum cost of a round trip through the same client.
func BenchmarkPing(b *testing.B) {
	option := rueidis.MustParseURL(redisserver.Start(b).URL())
	option.DisableCache, option.PipelineMultiplex = true, -1
	client, err := rueidis.NewClient(option)
	require.NoError(b, err)
	defer client.Close()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			require.NoError(b, client.Do(context.Background(), client.B().Ping().Build()).Error())
		}
	})
}

// BenchmarkChecks compares the checks of a new session with and without that of its network.
func BenchmarkChecks(b *testing.B) {
	storage := open(b, redisserver.Start(b).URL(), patient)
	portstest.BenchmarkChecks(b, storage, 64, func() throttle.Instant { return 0 })
}
