package bootstrap

import (
	"context"
	"io"
	"log/slog"
	"os"

	"go.uber.org/fx"

	"github.com/offload/sessiond/adapters/events/logs"
	"github.com/offload/sessiond/adapters/events/metrics"
	"github.com/offload/sessiond/adapters/system"
	"github.com/offload/sessiond/bootstrap/config"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// telemetry is the clock, and who hears what happens.
var telemetry = fx.Module("telemetry",
	fx.Provide(
		fx.Annotate(system.NewClock, fx.As(new(ports.Clock))),
		func() ports.Entropy { return system.Entropy{} },
		func() LogOutput { return LogOutput{os.Stderr} },
		newLogger,
		newLogs,
		func(config config.Config) *metrics.Metrics { return metrics.New(config.BuildVersion) },
		func(logs *logs.Recorder, metrics *metrics.Metrics) ports.Events {
			return audience{metrics, logs}
		},
	),
)

// LogOutput is where log lines go.
type LogOutput struct{ io.Writer }

// newLogger makes the logger. It is the first to be there and the last to go, so that every part's last word is written.
func newLogger(lifecycle fx.Lifecycle, config config.Config, to LogOutput) *slog.Logger {
	output := logs.NewOutput(to)
	lifecycle.Append(fx.StopHook(output.Close))
	options := &slog.HandlerOptions{
		Level: config.LogLevel,
		ReplaceAttr: func(groups []string, attribute slog.Attr) slog.Attr {
			if len(groups) == 0 && attribute.Key == slog.MessageKey {
				attribute.Key = "event" // a line's message is always one fixed word
			}
			return attribute
		},
	}
	if config.LogFormat == "text" {
		return slog.New(slog.NewTextHandler(output, options))
	}
	return slog.New(slog.NewJSONHandler(output, options))
}

func newLogs(lifecycle fx.Lifecycle, logger *slog.Logger, clock ports.Clock,
	config config.Config) *logs.Recorder {
	recorder := logs.New(logger, clock, throttle.NewPseudonyms(config.DigestKey.Bytes()))
	lifecycle.Append(fx.StopHook(recorder.Close))
	return recorder
}

// audience is everybody who hears of an event, in that order: what a log line tells has been counted.
type audience []ports.Events

// Record is ports.Events'.
func (a audience) Record(ctx context.Context, event ports.Event) {
	for _, events := range a {
		events.Record(ctx, event)
	}
}
