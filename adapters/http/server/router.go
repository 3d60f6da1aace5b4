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

// Traffic counts requests. Route is a pattern or RouteUnknown and method a standard one or "other",
// so that both have few values.
type Traffic interface {
	Began()
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
	e := &Router{clock: clock, traffic: traffic, logger: logger}
	for _, route := range routes {
		e.routes = append(e.routes, newEndpoint(route))
	}
	return e
}

// Within makes e serve its requests within budgets, and returns e.
func (e *Router) Within(budgets *Budgets) *Router {
	e.budgets = budgets
	return e
}

// Traced makes e follow its requests with tracer, and returns e.
func (e *Router) Traced(tracer Tracer) *Router {
	e.tracer = tracer
	return e
}

// Handler responds to one request. If it returns an error, the error response is written, and the
// handler must not have written anything itself.
type Handler func(w http.ResponseWriter, r *http.Request) error

// ServeHTTP implements http.Handler. It counts and logs each request.
func (e *Router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := e.clock.Instant()
	e.traffic.Began()
	id := envelope.Begin(w, r)
	if lastOnConnection(r) {
		w.Header().Set("Connection", "close")
	}
	answer := &recorder{ResponseWriter: w, bare: r.Method == http.MethodHead,
		http1: r.ProtoMajor == 1}
	if !answer.http1 {
		answer.window = windowOf(r.Context())
	}
	answer.body.watch(r)
	route := e.match(r)
	ctx := ports.WithOrigin(r.Context(), ports.Origin{RequestID: id, Route: route.Pattern})
	if e.tracer != nil {
		ctx = e.tracer.Begin(ctx, r, route.Pattern, methodLabel(r.Method))
	}
	if e.budgets == nil {
		r = r.WithContext(ctx)
	} else {
		r = own(ctx, r)
		answer.holds = true
		answer.visit = visit{budgets: e.budgets, answer: answer}
	}
	defer func() {
		took := start.Until(e.clock.Instant())
		method := methodLabel(r.Method)
		e.traffic.Answered(route.Pattern, method, answer.sent(), took)
		e.log(r.Context(), route, method, answer, took)
		if e.tracer != nil {
			e.tracer.End(r.Context(), answer.sent())
		}
	}()
	e.compute(route, answer, r)
	answer.visit.send(r)
	if answer.body.unread() {
		limitUnread(answer)
	}
}

// compute has the handler of route respond, with a slot unless the handler takes it later.
func (e *Router) compute(route *endpoint, answer *recorder, r *http.Request) {
	defer answer.visit.leave()
	defer e.recover(answer, r)
	err := route.handler(r.Method)(answer, r)
	if err == nil {
		return
	}
	answer.cause = err
	writeError(answer, ports.OriginOf(r.Context()).RequestID, err)
	if _, shed := errors.AsType[*shedError](err); shed && !answer.http1 {
		answer.empty()
	}
}

// match returns the route for r.
func (e *Router) match(r *http.Request) *endpoint {
	path := envelope.SentPath(r)
	for i := range e.routes {
		if route := &e.routes[i]; route.matches(path) {
			return route
		}
	}
	return &unknown
}

// log logs the request: at debug level, or as a warning with the cause if the service failed.
func (e *Router) log(ctx context.Context, route *endpoint, method string, answer *recorder,
	took time.Duration) {
	level, failed := slog.LevelDebug, false
	if status := answer.sent(); status >= http.StatusInternalServerError &&
		status != route.ExpectedStatus {
		level, failed = slog.LevelWarn, true
	}
	if !e.logger.Enabled(ctx, level) {
		return
	}
	attributes := []slog.Attr{
		slog.String("request_id", ports.OriginOf(ctx).RequestID),
		slog.String("route", route.Pattern),
		slog.String("method", method),
		slog.Int("status", answer.sent()),
		slog.Int64("bytes", answer.bytes),
		slog.Float64("duration_ms", float64(took.Microseconds())/1000),
	}
	if failed && answer.cause != nil {
		attributes = append(attributes, slog.String("cause", answer.cause.Error()))
	}
	e.logger.LogAttrs(ctx, level, "http_request", attributes...)
}
