package bootstrap

import (
	"go.uber.org/fx"

	"github.com/offload/sessiond/adapters/events/metrics"
	"github.com/offload/sessiond/adapters/keys/environment"
	"github.com/offload/sessiond/bootstrap/config"
	"github.com/offload/sessiond/ports"
)

// keySource is which keys are in force.
var keySource = fx.Module("keys",
	fx.Provide(func(review config.Review) ports.KeySource { return environment.NewSource(review.Ring) }),
	fx.Invoke(func(metrics *metrics.Metrics, source ports.KeySource, clock ports.Clock) { metrics.Keys(source, clock) }),
)
