package bootstrap

import (
	"context"
	"io"
	"log/slog"
	"os"

	"go.uber.org/fx"

	"github.com/offload/sessiond/adapters/events/logs"
	"github.com/offload/sessiond/adapters/events/metrics"
	"github.com/offload/sessiond/adapters/system/clock"
	"github.com/offload/sessiond/adapters/system/entropy"
	"github.com/offload/sessiond/bootstrap/config"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// telemetry provides the clock, the logger, the metrics and the recorder of events.
var telemetry = fx.Module("telemetry",
	fx.Provide(
		fx.Annotate(clock.New, fx.As(new(ports.Clock))),
		func() ports.Entropy { return entropy.Source{} },
		func() LogOutput { return LogOutput{os.Stderr} },
		newOutput,
		newLogger,
		newLogs,
		func(config config.Config) *metrics.Metrics { return metrics.New(config.BuildVersion) },
		func(logs *logs.Recorder, metrics *metrics.Metrics) ports.Events {
			return recorders{metrics, logs}
		},
	),
	fx.Invoke(func(metrics *metrics.Metrics, output *logs.Output) {
		metrics.DroppedLines(output.Dropped)
	}),
)

// LogOutput is the destination of log lines.
type LogOutput struct{ io.Writer }

// newOutput returns the log output. It is set up first and closed last, so that the last lines of
// every part are written.
func newOutput(lifecycle fx.Lifecycle, to LogOutput) *logs.Output {
	output := logs.NewOutput(to)
	lifecycle.Append(fx.StopHook(output.Close))
	return output
}

// newLogger returns the logger, which limits the lines that callers cause.
func newLogger(lifecycle fx.Lifecycle, config config.Config, output *logs.Output,
	clock ports.Clock) *slog.Logger {
	limited := logs.NewLimited(logs.NewHandler(output, config.LogLevel, config.LogFormat), clock)
	lifecycle.Append(fx.StopHook(limited.Close))
	return slog.New(limited)
}

func newLogs(lifecycle fx.Lifecycle, logger *slog.Logger, clock ports.Clock,
	settings config.Config) *logs.Recorder {
	recorder := logs.New(logger, clock, throttle.NewPseudonyms(settings.DigestKey.Bytes()),
		logs.Variables{TrustedProxies: config.VarProxies, SharedStorage: config.VarRedisURL,
			Origins: config.VarOrigins},
		logs.Remedies{SignerMissing: "create a key that signs at once: " + createSigner(),
			KeysEndEarly: config.RemedyEarlyEnd()})
	lifecycle.Append(fx.StopHook(recorder.Close))
	return recorder
}

// recorders passes each event to several recorders in order. Metrics come before logs: an event
// that is in the log has been counted.
type recorders []ports.Events

// Record implements ports.Events.
func (r recorders) Record(ctx context.Context, event ports.Event) {
	for _, recorder := range r {
		recorder.Record(ctx, event)
	}
}
