package bootstrap

import (
	"go.uber.org/fx"

	"github.com/offload/sessiond/adapters/events/metrics"
	"github.com/offload/sessiond/adapters/limiter/memory"
	"github.com/offload/sessiond/bootstrap/config"
	"github.com/offload/sessiond/ports"
)

// limiter is who has had how many sessions.
var limiter = fx.Module("limiter", fx.Provide(newLimiter))

func newLimiter(config config.Config, metrics *metrics.Metrics, clock ports.Clock) (ports.LimiterStorage, error) {
	storage, err := memory.New(config.MaxSubjects, max(config.Limits.PerAddress, config.Limits.PerInstall))
	if err != nil {
		return nil, err
	}
	return metrics.Limiter("memory", storage, storage, clock), nil
}
