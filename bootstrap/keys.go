package bootstrap

import (
	"go.uber.org/fx"

	"github.com/offload/sessiond/adapters/events/metrics"
	"github.com/offload/sessiond/adapters/keys/environment"
	"github.com/offload/sessiond/adapters/keys/keyset"
	"github.com/offload/sessiond/bootstrap/config"
	"github.com/offload/sessiond/ports"
)

// keySource provides the keys in force: those of a watched keyset file, or those of variables.
var keySource = fx.Module("keys",
	fx.Provide(newKeySource),
	fx.Invoke(func(metrics *metrics.Metrics, source ports.KeySource, clock ports.Clock) {
		metrics.Keys(source, clock)
	}),
)

// keyParts holds a key source, and its health and its follower if it has them.
type keyParts struct {
	fx.Out

	Source    ports.KeySource
	Health    []ports.Health `group:"health,flatten"`
	Followers []follower     `group:"followers,flatten"`
}

func newKeySource(lifecycle fx.Lifecycle, review config.Review, clock ports.Clock,
	events ports.Events) keyParts {
	path := review.Config.KeysetFile
	if path == "" {
		return keyParts{Source: environment.NewSource(review.Keyring)}
	}
	source := keyset.NewSource(path, review.KeysetRules(clock.Now), review.Keyring, clock, events)
	lifecycle.Append(fx.StartStopHook(source.Start, source.Stop))
	return keyParts{Source: source, Health: []ports.Health{source},
		Followers: []follower{source}}
}
