package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-redis/redis_rate/v10"
	goredis "github.com/redis/go-redis/v9"

	"github.com/offload/sessiond/adapters/limiter/memory"
	"github.com/offload/sessiond/adapters/limiter/outage"
	"github.com/offload/sessiond/adapters/system/clock"
	"github.com/offload/sessiond/adapters/system/entropy"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/ports/portsfake"
	"github.com/offload/sessiond/test/bench/rig"
)

const (
	callers = 64
	// turnOfShared is long enough for a percentile of the waits.
	turnOfShared = 100 * time.Millisecond
	timeout      = time.Minute // which a loaded machine does not reach
)

// sharedDecider makes a decision on a shared server.
type sharedDecider func(context.Context, *request) error

// redisGroup measures shared decisions.
func redisGroup(turns rig.Plan) ([]rig.Row, error) {
	turns.Turn = max(turns.Turn, turnOfShared)
	const what = "a decision on Redis, 64 callers, behind the outage policy"
	worstOf := "; the worst of granted, refused, mixed"
	rate := rig.Row{What: what, Beside: "redis_rate called for each dimension" + worstOf,
		Unit: rig.Times, AtLeast: true, Reach: 3, Stretch: 4.5}
	tail := rig.Row{What: "the 99th percentile of its wait", Beside: "redis_rate's" + worstOf,
		Unit: rig.Times, Reach: 0.5, Stretch: 0.33}
	floor := rig.Row{What: what, Beside: "PING through the same client" + worstOf,
		Unit: rig.Times, AtLeast: true, Reach: 0.25, Stretch: 0.33}
	for _, load := range sharedLoads {
		all, err := sharedContest(turns, load)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", load.name, err)
		}
		own, peer, ping := all[0], all[1], all[2]
		note := func(row *rig.Row, value float64, worse func(float64, float64) float64,
			figures []rig.Figure) {
			if len(row.Figures) == 0 {
				row.Value = value
			}
			row.Value = worse(row.Value, value)
			row.Figures = append(row.Figures, rig.Figure{Name: load.name, Value: value,
				Unit: rig.Times})
			for _, figure := range figures {
				figure.Name = load.name + ": " + figure.Name
				row.Figures = append(row.Figures, figure)
			}
		}
		note(&rate, peer.Over(own), minimum, rates(own, peer))
		note(&tail, own.ExtraOver(peer, waitUnit), maximum, waits(own, peer))
		note(&floor, ping.Over(own), minimum, rates(ping))
	}
	more, err := figuresOfScale(turns)
	rate.Figures = append(rate.Figures, more...)
	return []rig.Row{rate, tail, floor}, err
}

func minimum(a, b float64) float64 { return min(a, b) }
func maximum(a, b float64) float64 { return max(a, b) }

// rates returns how many decisions a second each made.
func rates(all ...rig.Series) (figures []rig.Figure) {
	for _, one := range all {
		figures = append(figures, rig.Figure{Name: one.Name, Unit: rig.PerSecond,
			Value: float64(time.Second) / one.Nanoseconds()})
	}
	return figures
}

// waitUnit is the unit in which contestants report the 99th percentile of their waits.
const waitUnit = "p99-ms"

func waits(all ...rig.Series) (figures []rig.Figure) {
	for _, one := range all {
		figures = append(figures, rig.Figure{Name: one.Name, Unit: rig.Milliseconds,
			Value: one.Extra(waitUnit)})
	}
	return figures
}

// sharedContest measures one load on one server.
func sharedContest(turns rig.Plan, load sharedLoad) ([]rig.Series, error) {
	server, err := startRedis()
	if err != nil {
		return nil, err
	}
	defer server.stop()
	own, stop, err := behindPolicy(server)
	if err != nil {
		return nil, err
	}
	defer stop()
	peer, stopPeer := redisRate(server)
	defer stopPeer()
	client, err := server.client()
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ping := func(ctx context.Context, _ *request) error {
		return client.Do(ctx, client.B().Ping().Build()).Error()
	}
	return rig.Run(turns, sharedContestant("sessiond", load, own),
		sharedContestant("redis_rate", load, peer), sharedContestant("PING", load, ping))
}

// behindPolicy returns our storage behind the outage policy, as bootstrap has it.
func behindPolicy(server *redisServer) (sharedDecider, func(), error) {
	storage, err := storageOn(server)
	if err != nil {
		return nil, nil, err
	}
	local, err := memory.New(100_000, portsfake.SameLimit(perAddress))
	if err != nil {
		return nil, nil, err
	}
	clock := clock.New()
	guarded := outage.New(outage.Parts{Shared: storage, Local: local, Policy: ports.OutageLocal,
		Timeout: timeout, Clock: clock, Entropy: entropy.Source{}, Events: silent{}})
	guarded.Start(context.Background())
	decide := func(ctx context.Context, q *request) error {
		_, err := guarded.Decide(ctx, clock.Instant(), q.checks)
		return err
	}
	return decide, func() {
		guarded.Stop()
		storage.Close(context.Background())
	}, nil
}

// redisRate returns redis_rate on go-redis, with a connection for each caller, called once for each
// subject.
func redisRate(server *redisServer) (sharedDecider, func()) {
	pool := goredis.NewClient(&goredis.Options{Addr: server.address, PoolSize: callers,
		MinIdleConns: callers})
	limiter := redis_rate.NewLimiter(pool)
	limits := [2]redis_rate.Limit{redis_rate.PerMinute(perAddress), redis_rate.PerMinute(perInstall)}
	return func(ctx context.Context, q *request) error {
		for i := range q.keys {
			if _, err := limiter.Allow(ctx, q.keys[i], limits[i]); err != nil {
				return err
			}
		}
		return nil
	}, func() { _ = pool.Close() }
}

// sharedContestant has all callers decide at the same time, each the requests of its own. It
// reports the 99th percentile of how long they waited.
func sharedContestant(name string, load sharedLoad, decide sharedDecider) rig.Contestant {
	random := rand.New(rand.NewPCG(1, 2))
	return rig.Contestant{Name: name, Run: func(b *testing.B) {
		requests := make([]request, b.N)
		for i := range requests {
			requests[i] = newRequest(load.draw(random))
		}
		took := make([]time.Duration, b.N)
		var group sync.WaitGroup
		b.ResetTimer()
		for caller := range callers {
			group.Go(func() {
				for i := caller; i < b.N; i += callers {
					sent := time.Now()
					if err := decide(context.Background(), &requests[i]); err != nil {
						b.Error(err)
						return
					}
					took[i] = time.Since(sent)
				}
			})
		}
		group.Wait()
		b.StopTimer()
		slices.Sort(took)
		b.ReportMetric(milliseconds(took[(len(took)-1)*99/100]), waitUnit)
	}}
}

// silent is a ports.Events that drops all events.
type silent struct{}

// Record implements ports.Events.
func (silent) Record(context.Context, ports.Event) {}
