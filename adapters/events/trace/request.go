package trace

import (
	"context"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// Begin begins the span of a request and returns a context that carries it. The request continues
// the trace of its traceparent if that may be taken; otherwise it begins a trace. The caller
// ensures that route is a pattern and that method is one of a fixed list.
func (t *Tracer) Begin(ctx context.Context, r *http.Request, route, method string) context.Context {
	if parent, ok := t.parent(r); ok {
		ctx = trace.ContextWithRemoteSpanContext(ctx, parent)
	}
	ctx, _ = t.tracer.Start(ctx, method+" "+route, trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attribute.String("http.request.method", method),
			attribute.String("http.route", route)))
	return ctx
}

// End ends the span that Begin put into ctx.
func (t *Tracer) End(ctx context.Context, status int) {
	span := trace.SpanFromContext(ctx)
	span.SetAttributes(attribute.Int("http.response.status_code", status))
	if status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// parent returns the span that a request names as its parent. Only trusted proxies may name one,
// and many of those pass on what a client sends: so that no client has its every request recorded,
// at most maxAsked parents a second may ask for that. The state of other vendors is left out.
func (t *Tracer) parent(r *http.Request) (trace.SpanContext, bool) {
	if r.Header.Get("Traceparent") == "" || !t.parts.Trusted(r) {
		return trace.SpanContext{}, false
	}
	parent := trace.SpanContextFromContext(t.propagator.Extract(context.Background(),
		propagation.HeaderCarrier(r.Header)))
	if !parent.IsValid() || parent.IsSampled() && !t.asked.take() {
		return trace.SpanContext{}, false
	}
	return parent.WithTraceState(trace.TraceState{}), true
}

// maxAsked is how many requests a second are recorded because their traceparent asks for it. Beyond
// it, a request begins a trace of its own, and the configured sampler decides.
const maxAsked = 100

// allowance allows maxAsked requests in each second of the clock.
type allowance struct {
	clock ports.Clock

	mu    sync.Mutex
	since throttle.Instant // when the second began
	taken int
}

func (a *allowance) take() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.clock.Instant()
	if a.taken == 0 || time.Duration(now-a.since) >= time.Second {
		a.since, a.taken = now, 0
	}
	if a.taken == maxAsked {
		return false
	}
	a.taken++
	return true
}
