package bootstrap

import (
	"context"

	"go.uber.org/fx"

	"github.com/offload/sessiond/adapters/events/metrics"
	"github.com/offload/sessiond/adapters/events/trace"
	"github.com/offload/sessiond/adapters/limiter/memory"
	"github.com/offload/sessiond/adapters/limiter/outage"
	"github.com/offload/sessiond/adapters/limiter/redis"
	"github.com/offload/sessiond/adapters/system/entropy"
	"github.com/offload/sessiond/bootstrap/config"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// limiter provides the storage that counts issued sessions.
var limiter = fx.Module("limiter", fx.Provide(newLimiter))

// limiterParts holds what a storage needs.
type limiterParts struct {
	fx.In

	Lifecycle fx.Lifecycle
	Config    config.Config
	Metrics   *metrics.Metrics
	Clock     ports.Clock
	Entropy   ports.Entropy
	Events    ports.Events
	Tracer    *trace.Tracer // nil for no traces
}

// storage holds the storage of grants, its health if it can have an outage, and the followers of
// its TLS files.
type storage struct {
	fx.Out

	Limiter ports.LimiterStorage
	// LastForgotten is nil if no storage is in memory.
	LastForgotten LastForgotten
	Health        []ports.Health `group:"health,flatten"`
	Followers     []follower     `group:"followers,flatten"`
}

// LastForgotten returns the last time at which the memory storage forgot a subject before its
// window was over; 0 for never.
type LastForgotten func() throttle.Instant

func newLimiter(p limiterParts) (storage, error) {
	switch p.Config.Storage {
	case ports.StorageRedis:
		found, err := p.shared()
		found.Limiter = p.recorded(p.traced(found.Limiter))
		return found, err
	case ports.StorageMemory:
	}
	local, last, err := p.local()
	return storage{Limiter: p.recorded(p.traced(local)), LastForgotten: last}, err
}

// traced wraps next so that each decision has a span, if there are traces.
func (p *limiterParts) traced(next ports.LimiterStorage) ports.LimiterStorage {
	if p.Tracer == nil {
		return next
	}
	return p.Tracer.Limiter(p.Config.Storage, next)
}

// local returns a storage in this replica's memory.
func (p *limiterParts) local() (ports.LimiterStorage, LastForgotten, error) {
	local, err := memory.New(p.Config.MaxSubjects, p.Config.Limits.Of)
	if err != nil {
		return nil, nil, err
	}
	return p.Metrics.Limiter(ports.StorageMemory, local, local, p.Clock), local.LastForgotten, nil
}

// shared returns a Redis storage wrapped in the outage policy. A local storage is added if the
// policy can fall back on it.
func (p *limiterParts) shared() (storage, error) {
	server := redis.New(redisServer(&p.Config, p.Entropy))
	watch := server.WatchEviction(p.Events)
	called := p.Metrics.Limiter(ports.StorageRedis, server, nil, p.Clock)
	if p.Tracer != nil {
		called = p.Tracer.Shared(ports.StorageRedis, called)
	}
	parts := outage.Parts{
		Shared: called,
		Policy: p.Config.OnOutage, Timeout: p.Config.RedisTimeout,
		Clock: p.Clock, Entropy: p.Entropy, Events: watch,
	}
	var last LastForgotten
	if parts.Policy == ports.OutageLocal ||
		parts.Policy == ports.OutageAllow && p.Config.Session.Binding.On() {
		local, forgotten, err := p.local()
		if err != nil {
			return storage{}, err
		}
		parts.Local, last = local, forgotten
	}
	guarded := outage.New(parts)
	p.Lifecycle.Append(fx.Hook{
		OnStart: func(ctx context.Context) error {
			guarded.Start(ctx)
			watch.Start()
			return nil
		},
		OnStop: func(ctx context.Context) error {
			watch.Stop()
			guarded.Stop()
			bounded, cancel := context.WithTimeout(ctx, redis.CloseTimeout)
			defer cancel()
			server.Close(bounded)
			return nil
		},
	})
	found := storage{Limiter: guarded, LastForgotten: last, Health: []ports.Health{guarded}}
	if files := p.Config.RedisURL.WatchTLSFiles(p.Events); files != nil {
		p.Lifecycle.Append(fx.StartStopHook(files.Start, files.Stop))
		found.Followers = []follower{files}
	}
	return found, nil
}

// redisServer returns the Redis server of a configuration.
func redisServer(config *config.Config, random ports.Entropy) redis.Server {
	return redis.Server{URL: config.RedisURL, KeyPrefix: config.RedisKeyPrefix,
		Timeout: config.RedisTimeout, Draw: random.Fraction}
}

// inspectStorage queries a configured shared storage and returns what the operator should know of
// it.
func inspectStorage(ctx context.Context, review config.Review) []config.Warning {
	if review.Config.Storage != ports.StorageRedis {
		return nil
	}
	var warnings []config.Warning
	for _, found := range redis.Inspect(ctx, redis.Inspection{
		Server:          redisServer(&review.Config, entropy.Source{}),
		TimeoutVariable: config.VarRedisTimeout, CAVariable: config.VarRedisCA,
		CertificateVariable: config.VarRedisCert, KeyVariable: config.VarRedisKey,
	}) {
		warnings = append(warnings, review.RedisWarning(found.Problem, found.Remedy))
	}
	return warnings
}
