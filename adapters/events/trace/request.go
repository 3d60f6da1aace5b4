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

// Begin begins the span of a request and returns a context that carries it. The span continues the
// trace of the request's traceparent if that is trusted; otherwise it begins a trace. route must be
// a pattern and method one of a fixed list.
func (t *Tracer) Begin(ctx context.Context, r *http.Request, route, method string) context.Context {
	if parent, ok := t.parent(r); ok {
		ctx = trace.ContextWithRemoteSpanContext(ctx, parent)
	}
	ctx, _ = t.tracer.Start(ctx, method+" "+route, trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attribute.String("http.request.method", method),
			attribute.String("http.route", route)))
	return ctx
}

// End ends the span that Begin put into ctx. A status of 500 or above marks it as failed.
func (t *Tracer) End(ctx context.Context, status int) {
	span := trace.SpanFromContext(ctx)
	span.SetAttributes(attribute.Int("http.response.status_code", status))
	if status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// parent returns the span that a request names as its parent, and false if there is none that may
// be used. Only trusted proxies may name one. Many proxies forward the traceparent of the client,
// so at most maxForced parents a second may demand that the request is recorded: otherwise a client
// could have all of its requests recorded. The tracestate is left out.
func (t *Tracer) parent(r *http.Request) (trace.SpanContext, bool) {
	if r.Header.Get("Traceparent") == "" || !t.parts.Trusted(r) {
		return trace.SpanContext{}, false
	}
	parent := trace.SpanContextFromContext(t.propagator.Extract(context.Background(),
		propagation.HeaderCarrier(r.Header)))
	if !parent.IsValid() || parent.IsSampled() && !t.forced.take() {
		return trace.SpanContext{}, false
	}
	return parent.WithTraceState(trace.TraceState{}), true
}

// maxForced is how many requests a second are recorded because their traceparent has the sampled
// flag. A further request begins a trace of its own, and the configured sampler decides.
const maxForced = 100

// allowance allows maxForced requests in each second. A second begins with the first request after
// the previous one.
type allowance struct {
	clock ports.Clock

	mu    sync.Mutex
	since throttle.Instant // when the second began
	taken int              // requests allowed in the second
}

// take reports whether another request is allowed now, and counts it if so.
func (a *allowance) take() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.clock.Instant()
	if a.taken == 0 || time.Duration(now-a.since) >= time.Second {
		a.since, a.taken = now, 0
	}
	if a.taken == maxForced {
		return false
	}
	a.taken++
	return true
}
