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

// limiter is who has had how many sessions.
var limiter = fx.Module("limiter", fx.Provide(newLimiter))

// closeWithin is how long the end of connections to a shared storage is waited for. They are cut at once: it is for what is left to be cleared away.
const closeWithin = time.Second

// limiterParts are what a storage needs.
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

// storage is where grants are kept, and its health where it may be out.
type storage struct {
	fx.Out

	Limiter ports.LimiterStorage
	Health  []ports.Health `group:"health,flatten"`
}

func newLimiter(p limiterParts) (storage, error) {
	if p.Config.Storage == config.StorageRedis {
		return p.shared()
	}
	own, err := p.own()
	return storage{Limiter: own}, err
}

// own is this replica's own memory.
func (p *limiterParts) own() (ports.LimiterStorage, error) {
	own, err := memory.New(p.Config.MaxSubjects,
		max(p.Config.Limits.PerAddress, p.Config.Limits.PerInstall))
	if err != nil {
		return nil, err
	}
	return p.Metrics.Limiter(config.StorageMemory, own, own, p.Clock), nil
}

// shared is Redis, with the outage policy around it.
func (p *limiterParts) shared() (storage, error) {
	server, err := redis.New(string(p.Config.RedisURL.Bytes()), p.Config.RedisTimeout)
	if err != nil {
		return storage{}, err
	}
	watch := &evictionWatch{Events: p.Events, review: p.Review, server: server, logger: p.Logger,
		again: make(chan struct{}, 1)}
	parts := outage.Parts{
		Shared: p.Metrics.Limiter(config.StorageRedis, server, nil, p.Clock),
		Policy: p.Config.OnOutage, Timeout: p.Config.RedisTimeout,
		Clock: p.Clock, Entropy: p.Entropy, Events: watch,
	}
	if parts.Policy == ports.OutageLocal {
		if parts.Local, err = p.own(); err != nil {
			return storage{}, err
		}
	}
	around := outage.New(parts)
	watching, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	p.Lifecycle.Append(fx.Hook{
		OnStart: func(ctx context.Context) error {
			around.Start(ctx)
			watch.ask()
			running.Go(func() { watch.run(watching) })
			return nil
		},
		OnStop: func(ctx context.Context) error {
			stop()
			running.Wait()
			around.Stop()
			bounded, cancel := context.WithTimeout(ctx, closeWithin)
			defer cancel()
			server.Close(bounded)
			return nil
		},
	})
	return storage{Limiter: around, Health: []ports.Health{around}}, nil
}
