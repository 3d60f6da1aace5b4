package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/go-redis/redis_rate/v10"
	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/limiter/memory"
	"github.com/offload/sessiond/adapters/limiter/outage"
	"github.com/offload/sessiond/adapters/limiter/redis"
	"github.com/offload/sessiond/adapters/system/clock"
	"github.com/offload/sessiond/adapters/system/entropy"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/ports/portsfake"
	"github.com/offload/sessiond/test/harness/redisserver"
)

const (
	callers  = 64
	perRound = 25          // decisions of one caller in one round
	timeout  = time.Minute // which a loaded machine does not reach
)

// contender is an implementation that is compared.
type contender struct {
	name   string
	decide func(context.Context, *request) error
}

// The indices of the contenders.
const (
	ours  = iota // one decision for both subjects
	wired        // the same behind the outage policy, as in bootstrap
	peer         // redis_rate, once for each subject
	ping         // the minimum cost of a round trip through our client
)

// contenders returns the contenders, all on one server.
func contenders(b *testing.B, server *redisserver.Server) []contender {
	url, err := redis.ParseURL(server.URL())
	require.NoError(b, err)
	storage := redis.New(redis.Server{URL: url, KeyPrefix: "sessiond:", Timeout: timeout,
		Draw: rand.Float64})
	b.Cleanup(func() { storage.Close(context.Background()) })

	clock := clock.New()
	local, err := memory.New(100_000, portsfake.SameLimit(perAddress))
	require.NoError(b, err)
	guarded := outage.New(outage.Parts{
		Shared: storage, Local: local, Policy: ports.OutageLocal, Timeout: timeout, Clock: clock,
		Entropy: entropy.Source{}, Events: silent{},
	})
	guarded.Start(context.Background())
	b.Cleanup(guarded.Stop)

	pool := goredis.NewClient(&goredis.Options{Addr: server.Addr(), PoolSize: callers,
		MinIdleConns: callers})
	b.Cleanup(func() { require.NoError(b, pool.Close()) })
	limiter := redis_rate.NewLimiter(pool)
	limits := [2]redis_rate.Limit{redis_rate.PerMinute(perAddress),
		redis_rate.PerMinute(perInstall)}

	option := rueidis.MustParseURL(server.URL()) // as adapters/limiter/redis has it
	option.DisableCache, option.DisableRetry = true, true
	option.PipelineMultiplex, option.MaxFlushDelay = -1, 20*time.Microsecond
	client, err := rueidis.NewClient(option)
	require.NoError(b, err)
	b.Cleanup(client.Close)

	return []contender{
		ours: {"redis", func(ctx context.Context, q *request) error {
			_, err := storage.Decide(ctx, clock.Instant(), q.checks)
			return err
		}},
		wired: {"outage", func(ctx context.Context, q *request) error {
			_, err := guarded.Decide(ctx, clock.Instant(), q.checks)
			return err
		}},
		peer: {"redis_rate", func(ctx context.Context, q *request) error {
			for i := range q.keys {
				if _, err := limiter.Allow(ctx, q.keys[i], limits[i]); err != nil {
					return err
				}
			}
			return nil
		}},
		ping: {"PING", func(ctx context.Context, _ *request) error {
			return client.Do(ctx, client.B().Ping().Build()).Error()
		}},
	}
}

// tally holds the measurements of one contender under one workload.
type tally struct {
	rates []float64 // decisions a second, of each round
	took  []time.Duration
}

// round lets all callers decide at the same time, each the requests of its own.
func (t *tally) round(b *testing.B, contender contender, requests [][]request) {
	took := make([][]time.Duration, len(requests))
	var group sync.WaitGroup
	began := time.Now()
	for caller, own := range requests {
		took[caller] = make([]time.Duration, len(own))
		group.Go(func() {
			for i := range own {
				sent := time.Now()
				if err := contender.decide(context.Background(), &own[i]); err != nil {
					b.Error(err)
					return
				}
				took[caller][i] = time.Since(sent)
			}
		})
	}
	group.Wait()
	t.rates = append(t.rates, float64(len(requests)*len(requests[0]))/time.Since(began).Seconds())
	t.took = append(t.took, slices.Concat(took...)...)
}

// over returns the median ratio of its rate to that of another contender in the same round.
func (t *tally) over(other *tally) float64 {
	ratios := make([]float64, len(t.rates))
	for round := range ratios {
		ratios[round] = t.rates[round] / other.rates[round]
	}
	return median(ratios)
}

func median(values []float64) float64 { return quantile(slices.Sorted(slices.Values(values)), .5) }

func quantile[V any](sorted []V, q float64) V { return sorted[int(q*float64(len(sorted)-1))] }

// BenchmarkSharedDecision runs the contenders in turn, round by round, so that other load on the
// machine affects all of them alike. A ratio compares two contenders in one round; the table has
// the median over all rounds.
func BenchmarkSharedDecision(b *testing.B) {
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintf(table,
		"\nworkload\t%d callers\tdecisions/s\tp50\tp99\tx redis_rate\tx PING\t\n", callers)
	for _, load := range workloads {
		b.Run(load.name, func(b *testing.B) {
			all := contenders(b, redisserver.Start(b))
			tallies := make([]tally, len(all))
			random := rand.New(rand.NewPCG(1, 2))
			for b.Loop() {
				requests := make([][]request, callers)
				for caller := range requests {
					for range perRound {
						requests[caller] = append(requests[caller],
							newRequest(load.draw(random)))
					}
				}
				for i := range all {
					tallies[i].round(b, all[i], requests)
				}
			}
			for i := range all {
				t := &tallies[i]
				slices.Sort(t.took)
				rate, p50, p99 := median(t.rates), quantile(t.took, .5), quantile(t.took, .99)
				_, _ = fmt.Fprintf(table, "%s\t%s\t%.0f\t%v\t%v\t%.2f\t%.2f\t\n", load.name,
					all[i].name, rate,
					p50.Round(time.Microsecond), p99.Round(time.Microsecond),
					t.over(&tallies[peer]), t.over(&tallies[ping]))
				b.ReportMetric(rate, all[i].name+"/s")
				b.ReportMetric(float64(p50.Microseconds()), all[i].name+"-p50-us")
				b.ReportMetric(float64(p99.Microseconds()), all[i].name+"-p99-us")
			}
		})
	}
	require.NoError(b, table.Flush())
}

// silent is a ports.Events that drops all events.
type silent struct{}

// Record implements ports.Events.
func (silent) Record(context.Context, ports.Event) {}
