// Package trace follows requests in OpenTelemetry traces, which it exports over OTLP.
//
// It is for services whose environment asks for traces in the standard variables (OTEL_…), which
// the OpenTelemetry SDK reads itself; without them nothing of this package is on the path of a
// request. Spans and their attributes come from fixed lists and route patterns: no address, no
// install id, no token, no header. Exporting has a goroutine and a bounded queue of its own; what
// the collector does not take is lost, and no request waits for it. The package imports domain,
// ports and OpenTelemetry.
package trace

import (
	"context"
	"net/http"
	"os"
	"strings"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/offload/sessiond/ports"
)

// The standard variables that say whether there are traces.
const (
	varDisabled       = "OTEL_SDK_DISABLED"
	varExporter       = "OTEL_TRACES_EXPORTER"
	varEndpoint       = "OTEL_EXPORTER_OTLP_ENDPOINT"
	varTracesEndpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	varProtocol       = "OTEL_EXPORTER_OTLP_PROTOCOL"
	varTracesProtocol = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
)

// Variables names the variables that Start fails for.
const Variables = "OTEL_*"

// scope names the instrumentation in the spans.
const scope = "github.com/offload/sessiond"

// Requested reports whether the environment of the process asks for traces: by an exporter other
// than none, or by the address of a collector.
func Requested() bool {
	exporter := os.Getenv(varExporter)
	if strings.EqualFold(os.Getenv(varDisabled), "true") || exporter == "none" {
		return false
	}
	return exporter != "" || os.Getenv(varEndpoint) != "" || os.Getenv(varTracesEndpoint) != ""
}

// Parts holds what a Tracer needs. All fields are required.
type Parts struct {
	// Version is that of the build.
	Version string
	// Trusted reports whether a request comes from a proxy whose traceparent is taken.
	Trusted func(r *http.Request) bool
	Clock   ports.Clock
	Events  ports.Events
}

// Tracer makes spans. It is safe for concurrent use.
type Tracer struct {
	parts      Parts
	provider   *sdk.TracerProvider
	tracer     trace.Tracer
	propagator propagation.TraceContext
	asked      allowance
}

// Start returns a tracer that exports as the environment says. It fails if the environment makes no
// sense; the error does not hold values of variables, which may be secret. Call Stop at the end.
func Start(ctx context.Context, parts Parts) (tracer *Tracer, err error) {
	// The SDK panics for sizes that are negative or too large.
	defer func() {
		if recover() != nil {
			tracer, err = nil, errVariables
		}
	}()
	// What OpenTelemetry complains about may quote a header with a credential, and would not be a
	// line of the log. Lost spans are reported by the exporter below.
	otel.SetLogger(logr.Discard())
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {}))
	inner, err := newExporter(ctx)
	if err != nil {
		return nil, errVariables
	}
	described, err := resource.New(ctx, resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", "sessiond"),
			attribute.String("service.version", parts.Version)),
		resource.WithFromEnv())
	if err != nil {
		return nil, errVariables
	}
	provider := sdk.NewTracerProvider(sdk.WithResource(described),
		sdk.WithBatcher(&exporter{SpanExporter: inner, events: parts.Events}))
	return &Tracer{parts: parts, provider: provider, tracer: provider.Tracer(scope),
		asked: allowance{clock: parts.Clock}}, nil
}

// Stop exports the spans that were not exported yet, until ctx ends.
func (t *Tracer) Stop(ctx context.Context) {
	_ = t.provider.Shutdown(ctx) // the exporter has reported the spans that are lost
}
