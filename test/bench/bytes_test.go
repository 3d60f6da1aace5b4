package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"text/tabwriter"

	"github.com/go-redis/redis_rate/v10"
	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/limiter/redis"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/test/harness/redisserver"
)

// BenchmarkBytesKept reports how much memory one subject takes according to the server, after one
// grant and after all grants that the limit allows. redis_rate stores one number for each subject,
// which is why it cannot guarantee what an exact window does.
func BenchmarkBytesKept(b *testing.B) {
	server := redisserver.Start(b)
	url, err := redis.ParseURL(server.URL())
	require.NoError(b, err)
	storage := redis.New(redis.Server{URL: url, KeyPrefix: "sessiond:", Timeout: timeout,
		Draw: rand.Float64})
	defer storage.Close(context.Background())
	pool := goredis.NewClient(&goredis.Options{Addr: server.Addr()})
	defer func() { require.NoError(b, pool.Close()) }()
	limiter := redis_rate.NewLimiter(pool)

	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(table, "\nlimit\tkept by\tbytes after 1 grant\tafter all\t")
	for _, limit := range []int{4, 100, 10_000} {
		checks := throttle.NewChecks(throttle.Check{Subject: throttle.Subject{1}, Limit: limit,
			Window: window})
		for name, grant := range map[string]func() error{
			"redis": func() error {
				_, err := storage.Decide(context.Background(), 0, checks)
				return err
			},
			"redis_rate": func() error {
				_, err := limiter.Allow(context.Background(), "AQAAAAAAAAAAAAAAAAAAAA:zz",
					redis_rate.PerMinute(limit))
				return err
			},
		} {
			b.Run(fmt.Sprintf("%s at %d", name, limit), func(b *testing.B) {
				var one, all int64
				for b.Loop() {
					server.Do(b, "FLUSHDB")
					for i := range limit {
						require.NoError(b, grant())
						if i == 0 {
							one = kept(b, server)
						}
					}
					all = kept(b, server)
				}
				_, _ = fmt.Fprintf(table, "%d\t%s\t%d\t%d\t\n", limit, name, one, all)
				b.ReportMetric(float64(one), "bytes-one")
				b.ReportMetric(float64(all), "bytes-all")
			})
		}
	}
	require.NoError(b, table.Flush())
}

// kept returns how many bytes the server's only key takes.
func kept(b *testing.B, server *redisserver.Server) int64 {
	b.Helper()
	keys := server.Do(b, "KEYS", "*")
	names, err := keys.AsStrSlice()
	require.NoError(b, err)
	require.Len(b, names, 1)
	answer := server.Do(b, "MEMORY", "USAGE", names[0])
	bytes, err := answer.AsInt64()
	require.NoError(b, err)
	return bytes
}
