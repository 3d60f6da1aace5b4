package trace

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/offload/sessiond/ports"
)

// Recorder implements ports.Events. It adds the outcome of a request to the span of the request.
type Recorder struct{}

// Record implements ports.Events.
func (Recorder) Record(ctx context.Context, event ports.Event) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	switch e := event.(type) { // only some events belong to a request
	case ports.SessionIssued:
		span.SetAttributes(attribute.Bool("offload.session.renewed", e.Renewed))
	case ports.IssuanceThrottled:
		span.SetAttributes(attribute.String("offload.throttle.dimension", e.Dimension.String()),
			attribute.String("offload.throttle.mode", e.Mode.String()))
	case ports.TokenVerified:
		if e.Reason != "" {
			span.SetAttributes(attribute.String("offload.token.reason", string(e.Reason)))
		}
	case ports.LimiterOutageDecision:
		span.SetAttributes(attribute.String("offload.limiter.outage_policy", e.Policy.String()))
	}
}

// handler adds the id of the trace to the log lines of requests.
type handler struct{ slog.Handler }

// NewHandler returns a handler that passes log lines to next, and adds the attribute trace_id to
// those of a request with a span.
func NewHandler(next slog.Handler) slog.Handler { return handler{next} }

// Handle implements slog.Handler.
func (h handler) Handle(ctx context.Context, record slog.Record) error {
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		record = record.Clone()
		record.AddAttrs(slog.String("trace_id", span.TraceID().String()))
	}
	return h.Handler.Handle(ctx, record)
}

// WithAttrs implements slog.Handler.
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h handler) WithGroup(name string) slog.Handler { return handler{h.Handler.WithGroup(name)} }
