// Package server is the HTTP server that the listeners share: it accepts connections, reads
// requests and writes responses.
//
// Every response has the request id and the headers of package envelope, and every error its body.
// Every read and write has a limit and a deadline. Paths are matched exactly as sent. The package
// imports domain, ports, envelope, the standard library and go-proxyproto. The packages api and ops
// build on it.
package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/offload/sessiond/adapters/http/envelope"
	"github.com/offload/sessiond/ports"
)

// Traffic counts requests. It is called concurrently. A route is a pattern or RouteUnknown, and a
// method is a standard one or "other", so that both have few values.
type Traffic interface {
	// Began is called before the handler of a request.
	Began()
	// Answered is called when the handler has returned and its response has been written, with the
	// status of the response and the time since Began.
	Answered(route, method string, status int, took time.Duration)
}

// Tracer follows requests in traces. Route and method are as for Traffic.
type Tracer interface {
	// Begin begins to follow a request, and returns a context for everything that it causes.
	Begin(ctx context.Context, r *http.Request, route, method string) context.Context
	// End ends what Begin began with that context.
	End(ctx context.Context, status int)
}

// Router is an http.Handler that serves a list of routes.
type Router struct {
	routes  []endpoint
	clock   ports.Clock
	traffic Traffic
	logger  *slog.Logger
	budgets *Budgets // nil for none
	tracer  Tracer   // nil for none
}

// NewRouter returns a handler that serves routes and refuses every other request.
func NewRouter(routes []Route, clock ports.Clock, traffic Traffic, logger *slog.Logger) *Router {
	rt := &Router{clock: clock, traffic: traffic, logger: logger}
	for _, route := range routes {
		rt.routes = append(rt.routes, newEndpoint(route))
	}
	return rt
}

// Within makes rt serve its requests within budgets, and returns rt.
func (rt *Router) Within(budgets *Budgets) *Router {
	rt.budgets = budgets
	return rt
}

// Traced makes rt follow its requests with tracer, and returns rt.
func (rt *Router) Traced(tracer Tracer) *Router {
	rt.tracer = tracer
	return rt
}

// Handler responds to one request. If it returns an error, the error response is written, and the
// handler must not have written anything itself.
type Handler func(w http.ResponseWriter, r *http.Request) error

// ServeHTTP implements http.Handler. It counts and logs each request.
func (rt *Router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := rt.clock.Instant()
	rt.traffic.Began()
	id := envelope.Begin(w, r)
	if lastOnConnection(r) {
		w.Header().Set("Connection", "close")
	}
	rec := &recorder{ResponseWriter: w, bare: r.Method == http.MethodHead,
		http1: r.ProtoMajor == 1}
	if !rec.http1 {
		rec.window = windowOf(r.Context())
	}
	rec.body.watch(r)
	route := rt.match(r)
	ctx := ports.WithOrigin(r.Context(), ports.Origin{RequestID: id, Route: route.Pattern})
	if rt.tracer != nil {
		ctx = rt.tracer.Begin(ctx, r, route.Pattern, methodLabel(r.Method))
	}
	if rt.budgets == nil {
		r = r.WithContext(ctx)
	} else {
		r = detach(ctx, r)
		rec.holds = true
		rec.visit = visit{budgets: rt.budgets, recorder: rec}
	}
	defer func() {
		took := start.Until(rt.clock.Instant())
		method := methodLabel(r.Method)
		rt.traffic.Answered(route.Pattern, method, rec.sent(), took)
		rt.log(r.Context(), route, method, rec, took)
		if rt.tracer != nil {
			rt.tracer.End(r.Context(), rec.sent())
		}
	}()
	rt.compute(route, rec, r)
	rec.visit.send(r)
	if rec.body.unread() {
		limitUnread(rec)
	}
}

// compute calls the handler of route, which takes a slot, and writes the error response if it fails
// or panics. The slot is free again when compute returns.
func (rt *Router) compute(route *endpoint, rec *recorder, r *http.Request) {
	defer rec.visit.leave()
	defer rt.recover(rec, r)
	err := route.handler(r.Method)(rec, r)
	if err == nil {
		return
	}
	rec.cause = err
	writeError(rec, ports.OriginOf(r.Context()).RequestID, err)
	if _, shed := errors.AsType[*shedError](err); shed && !rec.http1 {
		rec.empty()
	}
}

// match returns the route for r, or unknown.
func (rt *Router) match(r *http.Request) *endpoint {
	path := envelope.SentPath(r)
	for i := range rt.routes {
		if route := &rt.routes[i]; route.matches(path) {
			return route
		}
	}
	return &unknown
}

// log logs the request: at debug level, or as a warning with the cause if the service failed.
func (rt *Router) log(ctx context.Context, route *endpoint, method string, rec *recorder,
	took time.Duration) {
	level, failed := slog.LevelDebug, false
	if status := rec.sent(); status >= http.StatusInternalServerError &&
		status != route.ExpectedStatus {
		level, failed = slog.LevelWarn, true
	}
	if !rt.logger.Enabled(ctx, level) {
		return
	}
	attributes := []slog.Attr{
		slog.String("request_id", ports.OriginOf(ctx).RequestID),
		slog.String("route", route.Pattern),
		slog.String("method", method),
		slog.Int("status", rec.sent()),
		slog.Int64("bytes", rec.bytes),
		slog.Float64("duration_ms", float64(took.Microseconds())/1000),
	}
	if failed && rec.cause != nil {
		attributes = append(attributes, slog.String("cause", rec.cause.Error()))
	}
	rt.logger.LogAttrs(ctx, level, "http_request", attributes...)
}
