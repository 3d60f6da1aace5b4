package bootstrap

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"go.uber.org/fx"

	"github.com/offload/sessiond/adapters/events/logs"
	"github.com/offload/sessiond/adapters/events/metrics"
	"github.com/offload/sessiond/adapters/events/trace"
	"github.com/offload/sessiond/adapters/http/console"
	"github.com/offload/sessiond/adapters/http/server"
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
		console.NewRecorder,
		newEvents,
		newTracer,
	),
	fx.Invoke(func(metrics *metrics.Metrics, output *logs.Output) {
		metrics.DroppedLines(output.Dropped)
	}, func(logger *slog.Logger, found traceFindings) {
		for _, one := range found {
			logs.ConfigurationWarning(context.Background(), logger, one.Variable, one.Problem,
				one.Remedy)
		}
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

// newLogger returns the logger, which limits the lines that callers cause. The tracer is nil for no
// traces.
func newLogger(lifecycle fx.Lifecycle, config config.Config, output *logs.Output,
	clock ports.Clock, tracer *trace.Tracer) *slog.Logger {
	handler := logs.NewHandler(output, config.LogLevel, config.LogFormat)
	if tracer != nil {
		handler = trace.NewHandler(handler)
	}
	limited := logs.NewLimited(handler, clock)
	lifecycle.Append(fx.StopHook(limited.Close))
	return slog.New(limited)
}

func newLogs(lifecycle fx.Lifecycle, logger *slog.Logger, clock ports.Clock,
	settings config.Config) *logs.Recorder {
	recorder := logs.New(logger, clock, throttle.NewPseudonyms(settings.DigestKey.Bytes()),
		logs.Variables{TrustedProxies: config.VarProxies, SharedStorage: config.VarRedisURL,
			Origins: config.VarOrigins, OpsHosts: config.VarOpsHosts},
		logs.Remedies{SignerMissing: remedySignerMissing(),
			KeysEndEarly: config.RemedyEarlyEnd()})
	lifecycle.Append(fx.StopHook(recorder.Close))
	return recorder
}

// tracerStop is how long the stop of the service waits for the last spans to be exported.
const tracerStop = time.Second

// traceFindings are the problems with the variables of OpenTelemetry.
type traceFindings []trace.Finding

// newTracer returns the tracer, or nil if the environment asks for no traces or its settings are
// unusable, which the findings say: the service starts without traces. It uses no logger, because
// the logger and the recorders depend on whether there is a tracer.
func newTracer(config config.Config, clock ports.Clock) (*trace.Tracer, traceFindings) {
	settings := trace.Read(os.Environ())
	found := traceFindings(settings.Findings())
	if !settings.Usable() {
		return nil, found
	}
	tracer, err := trace.Start(context.Background(), &settings,
		trace.Parts{Version: config.BuildVersion, Trusted: func(r *http.Request) bool {
			return server.FromTrusted(r, config.TrustedProxies)
		}, Clock: clock})
	if err != nil {
		found = append(found, trace.Finding{Variable: trace.Variables, Problem: err.Error() +
			", so that there are no traces", Remedy: "correct the variables and restart"})
		return nil, found
	}
	return tracer, found
}

// traceWarnings returns the findings as warnings of a check.
func traceWarnings(found traceFindings) []config.Warning {
	warnings := make([]config.Warning, 0, len(found))
	for _, one := range found {
		warnings = append(warnings, config.Warning{Variable: one.Variable, Origin: "environment",
			Problem: one.Problem, Remedy: one.Remedy})
	}
	return warnings
}

// newEvents returns the recorder of events, to which the tracer reports too. The console records
// events only if there is an operations listener, and spans only if there is a tracer.
func newEvents(lifecycle fx.Lifecycle, logs *logs.Recorder, metrics *metrics.Metrics,
	console *console.Recorder, config config.Config, tracer *trace.Tracer) ports.Events {
	all := recorders{metrics}
	if config.OpsAddr != "" {
		all = append(all, console)
	}
	all = append(all, logs)
	if tracer == nil {
		return all
	}
	all = append(all, trace.Recorder{})
	tracer.Report(all)
	lifecycle.Append(fx.StopHook(func(ctx context.Context) {
		bounded, cancel := context.WithTimeout(ctx, tracerStop)
		defer cancel()
		tracer.Stop(bounded)
	}))
	return all
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

// remedySignerMissing returns what to do if no key signs.
func remedySignerMissing() string { return "create a key that signs at once: " + createSigner() }
