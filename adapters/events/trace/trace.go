// Package trace follows requests in OpenTelemetry traces, which it exports over OTLP.
//
// It is for services whose environment asks for traces in the standard variables (OTEL_…), which
// Read checks; the OpenTelemetry SDK reads some itself. Without them nothing of this package is on
// the path of a request. Spans and their attributes come from fixed lists and route patterns: no
// address, no install id, no token, no header. Exporting has a goroutine and a bounded queue of its
// own; what the collector does not take is lost, and no request waits for it. The package imports
// domain, ports, securefile, OpenTelemetry and backoff.
package trace

import (
	"context"
	"errors"
	"net/http"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/offload/sessiond/ports"
)

// scope names the instrumentation in the spans.
const scope = "github.com/offload/sessiond"

// Parts holds what a Tracer needs. All fields are required.
type Parts struct {
	// Version is that of the build.
	Version string
	// Trusted reports whether a request comes from a proxy whose traceparent is taken.
	Trusted func(r *http.Request) bool
	Clock   ports.Clock
}

// Tracer makes spans. It is safe for concurrent use.
type Tracer struct {
	parts      Parts
	provider   *sdk.TracerProvider
	exporter   *exporter
	tracer     trace.Tracer
	propagator propagation.TraceContext
	asked      allowance
}

// errSDK is why there are no traces although the settings are usable.
var errSDK = errors.New("do not describe traces that can be exported")

// Start returns a tracer that exports as usable settings and the environment say. If it fails, the
// error does not hold values of variables, which may be secret. Call Report before the tracer is
// used, and Stop at the end.
func Start(ctx context.Context, settings *Settings, parts Parts) (tracer *Tracer, err error) {
	// The SDK panics for some values, and Read may not know all of them.
	defer func() {
		if recover() != nil {
			tracer, err = nil, errSDK
		}
	}()
	// What OpenTelemetry complains about may quote a header with a credential, and would not be a
	// line of the log. Read has reported it, and the exporter below reports lost spans.
	otel.SetLogger(logr.Discard())
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {}))
	client := settings.client()
	inner, err := newExporter(ctx, settings, client)
	if err != nil {
		return nil, errSDK
	}
	described, err := resource.New(ctx, resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", "sessiond"),
			attribute.String("service.version", parts.Version)),
		resource.WithFromEnv())
	if err != nil {
		return nil, errSDK
	}
	exporter := &exporter{SpanExporter: inner, client: client}
	provider := sdk.NewTracerProvider(sdk.WithResource(described), sdk.WithBatcher(exporter))
	return &Tracer{parts: parts, provider: provider, exporter: exporter,
		tracer: provider.Tracer(scope), asked: allowance{clock: parts.Clock}}, nil
}

// Report makes t report to events the spans that are lost.
func (t *Tracer) Report(events ports.Events) { t.exporter.events = events }

// Stop exports the spans that were not exported yet, until ctx ends.
func (t *Tracer) Stop(ctx context.Context) {
	_ = t.provider.Shutdown(ctx) // the exporter has reported the spans that are lost
}
