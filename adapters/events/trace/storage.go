package trace

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// The values of the attribute offload.limiter.outcome.
const (
	outcomeGranted   = "granted"
	outcomeRefused   = "refused"
	outcomeUndecided = "undecided"
	outcomeFailed    = "failed"
)

// traced wraps a storage. Each decision for a request whose span is recorded gets a span.
type traced struct {
	ports.LimiterStorage
	tracer trace.Tracer
	name   string // of the spans
	start  []trace.SpanStartOption
}

// Limiter returns storage with a span for each decision, whether storage or an outage policy makes
// it.
func (t *Tracer) Limiter(kind ports.StorageKind, storage ports.LimiterStorage) ports.LimiterStorage {
	return &traced{storage, t.tracer, "limiter decision", []trace.SpanStartOption{
		trace.WithAttributes(attribute.String("offload.limiter.storage", kind.String()))}}
}

// Shared returns a shared storage with a span for each call to its server.
func (t *Tracer) Shared(kind ports.StorageKind, storage ports.LimiterStorage) ports.LimiterStorage {
	return &traced{storage, t.tracer, kind.String() + " call", []trace.SpanStartOption{
		trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("db.system.name", kind.String()))}}
}

// Decide implements ports.LimiterStorage.
func (s *traced) Decide(ctx context.Context, now throttle.Instant,
	checks throttle.Checks) (throttle.Decision, error) {
	if !trace.SpanFromContext(ctx).IsRecording() { // a probe, or a trace that is not sampled
		return s.LimiterStorage.Decide(ctx, now, checks)
	}
	ctx, span := s.tracer.Start(ctx, s.name, s.start...)
	defer span.End()
	decision, err := s.LimiterStorage.Decide(ctx, now, checks)
	outcome := outcomeGranted
	switch {
	case err != nil:
		outcome = outcomeFailed
		span.SetStatus(codes.Error, "")
	case !decision.Decided():
		outcome = outcomeUndecided
	case decision.Refused():
		outcome = outcomeRefused
	}
	span.SetAttributes(attribute.String("offload.limiter.outcome", outcome))
	return decision, err
}
