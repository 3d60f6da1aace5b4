// Package trace records requests in OpenTelemetry traces, which it exports over OTLP.
//
// It is used if the environment requests traces with the standard variables (OTEL_…). Read checks
// them; the OpenTelemetry SDK reads some of them itself. Without traces, no code of this package
// runs during a request. Spans and their attributes come from fixed lists and route patterns: they
// contain no address, no install id, no token and no header. Spans are exported by a goroutine with
// a bounded queue; spans that the collector does not accept are lost, and no request waits for it.
// The package imports domain, ports, securefile, OpenTelemetry and backoff.
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
	// Trusted reports whether a request comes from a proxy whose traceparent is used.
	Trusted func(r *http.Request) bool
	Clock   ports.Clock
}

// Tracer creates the spans of requests and decisions. It is safe for concurrent use.
type Tracer struct {
	parts      Parts
	provider   *sdk.TracerProvider
	exporter   *exporter
	tracer     trace.Tracer
	propagator propagation.TraceContext
	forced     allowance // of requests recorded because of their traceparent
}

// errSDK is the error of Start if the SDK cannot use the environment although the settings are
// usable. It continues a sentence that begins with Variables.
var errSDK = errors.New("do not describe traces that can be exported")

// Start returns a tracer that exports as settings and the environment of the process configure.
// settings must be usable. An error contains no values of variables, which may be secret. Call
// Report before the tracer is used, and Stop at the end.
func Start(ctx context.Context, settings *Settings, parts Parts) (tracer *Tracer, err error) {
	// The SDK panics for some values, and Read may not know all of them.
	defer func() {
		if recover() != nil {
			tracer, err = nil, errSDK
		}
	}()
	// The messages of OpenTelemetry may quote a header with a credential, and would not be lines of
	// the log. Read has reported the variables, and the exporter below reports lost spans.
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
		tracer: provider.Tracer(scope), forced: allowance{clock: parts.Clock}}, nil
}

// Report makes t record in events the spans that are lost, and when exports begin to fail and to
// succeed again.
func (t *Tracer) Report(events ports.Events) { t.exporter.events = events }

// Stop exports the spans that are not exported yet. It gives up when ctx ends.
func (t *Tracer) Stop(ctx context.Context) {
	_ = t.provider.Shutdown(ctx) // the exporter has reported the spans that are lost
}
