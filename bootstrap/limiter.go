package bootstrap

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"go.uber.org/fx"

	"github.com/offload/sessiond/adapters/events/metrics"
	"github.com/offload/sessiond/adapters/limiter/memory"
	"github.com/offload/sessiond/adapters/limiter/outage"
	"github.com/offload/sessiond/adapters/limiter/redis"
	"github.com/offload/sessiond/bootstrap/config"
	"github.com/offload/sessiond/ports"
)

// limiter provides the storage that counts issued sessions.
var limiter = fx.Module("limiter", fx.Provide(newLimiter))

// closeTimeout bounds closing the connections to a shared storage. They are cut at once; the time
// is for cleaning up after them.
const closeTimeout = time.Second

// limiterParts holds what a storage needs.
type limiterParts struct {
	fx.In

	Lifecycle fx.Lifecycle
	Review    config.Review
	Config    config.Config
	Metrics   *metrics.Metrics
	Clock     ports.Clock
	Entropy   ports.Entropy
	Events    ports.Events
	Logger    *slog.Logger
}

// storage holds the storage of grants, and its health if it can have an outage.
type storage struct {
	fx.Out

	Limiter ports.LimiterStorage
	Health  []ports.Health `group:"health,flatten"`
}

func newLimiter(p limiterParts) (storage, error) {
	if p.Config.Storage == config.StorageRedis {
		return p.shared()
	}
	local, err := p.local()
	return storage{Limiter: local}, err
}

// local returns a storage in this replica's memory.
func (p *limiterParts) local() (ports.LimiterStorage, error) {
	local, err := memory.New(p.Config.MaxSubjects,
		max(p.Config.Limits.PerAddress, p.Config.Limits.PerInstall))
	if err != nil {
		return nil, err
	}
	return p.Metrics.Limiter(config.StorageMemory, local, local, p.Clock), nil
}

// shared returns a Redis storage wrapped in the outage policy.
func (p *limiterParts) shared() (storage, error) {
	server := redis.New(p.Config.RedisURL, p.Config.RedisTimeout)
	watch := &evictionWatch{Events: p.Events, review: p.Review, server: server, logger: p.Logger,
		pending: make(chan struct{}, 1)}
	parts := outage.Parts{
		Shared: p.Metrics.Limiter(config.StorageRedis, server, nil, p.Clock),
		Policy: p.Config.OnOutage, Timeout: p.Config.RedisTimeout,
		Clock: p.Clock, Entropy: p.Entropy, Events: watch,
	}
	if parts.Policy == ports.OutageLocal {
		local, err := p.local()
		if err != nil {
			return storage{}, err
		}
		parts.Local = local
	}
	guarded := outage.New(parts)
	watchContext, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	p.Lifecycle.Append(fx.Hook{
		OnStart: func(ctx context.Context) error {
			guarded.Start(ctx)
			watch.request()
			running.Go(func() { watch.run(watchContext) })
			return nil
		},
		OnStop: func(ctx context.Context) error {
			stop()
			running.Wait()
			guarded.Stop()
			bounded, cancel := context.WithTimeout(ctx, closeTimeout)
			defer cancel()
			server.Close(bounded)
			return nil
		},
	})
	return storage{Limiter: guarded, Health: []ports.Health{guarded}}, nil
}
