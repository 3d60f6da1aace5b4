// Package server is what the listeners share: how a request is received and how a response is sent.
//
// Every response has a request id and Cache-Control: no-store; every error has the same envelope,
// by one table from kind to status; every read and write has a limit and a deadline; paths match
// exactly as sent. It imports domain, ports, the standard library, uuid and go-proxyproto. The
// packages api and ops use it.
package server

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/offload/sessiond/ports"
)

// Traffic counts requests. Route is a pattern or RouteUnknown, and method a standard one or
// "other", so that their values are few.
type Traffic interface {
	Began()
	Answered(route, method string, status int, took time.Duration)
}

// Router is an http.Handler for routes.
type Router struct {
	routes  []Route
	clock   ports.Clock
	traffic Traffic
	logger  *slog.Logger
}

// NewRouter returns a handler that serves routes and refuses everything else.
func NewRouter(routes []Route, clock ports.Clock, traffic Traffic, logger *slog.Logger) *Router {
	return &Router{routes: routes, clock: clock, traffic: traffic, logger: logger}
}

// Handler responds to one request. A returned error is written as the error envelope; in that case
// it must not have written anything itself.
type Handler func(w http.ResponseWriter, r *http.Request) error

// ServeHTTP implements http.Handler. It also counts and logs the request.
func (e *Router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := e.clock.Instant()
	e.traffic.Began()
	id := requestID(r)
	w.Header().Set(HeaderRequestID, id)
	w.Header().Set("Cache-Control", "no-store")
	if lastOnConnection(r) {
		w.Header().Set("Connection", "close")
	}
	answer := &recorder{ResponseWriter: w, body: watch(r), bare: r.Method == http.MethodHead}
	route := e.match(r)
	r = r.WithContext(ports.WithOrigin(r.Context(),
		ports.Origin{RequestID: id, Route: route.Pattern}))
	defer func() {
		took := start.Until(e.clock.Instant())
		method := methodLabel(r.Method)
		e.traffic.Answered(route.Pattern, method, answer.sent(), took)
		e.tell(r.Context(), route, method, answer, took)
	}()
	defer e.recover(answer, r)
	if err := route.handler(r.Method)(answer, r); err != nil {
		answer.cause = err
		writeError(answer, id, err)
	}
	if answer.body.unread() {
		partFrom(answer)
	}
}

// match returns the route of the request.
func (e *Router) match(r *http.Request) *Route {
	path := sentPath(r)
	for i := range e.routes {
		if route := &e.routes[i]; route.matches(path) {
			return route
		}
	}
	return &unknown
}

// tell logs the request: at debug level, or as a warning with the cause if the service failed.
func (e *Router) tell(ctx context.Context, route *Route, method string, answer *recorder,
	took time.Duration) {
	level := slog.LevelDebug
	attributes := []slog.Attr{
		slog.String("request_id", ports.OriginOf(ctx).RequestID),
		slog.String("route", route.Pattern),
		slog.String("method", method),
		slog.Int("status", answer.sent()),
		slog.Int64("bytes", answer.bytes),
		slog.Float64("duration_ms", float64(took.Microseconds())/1000),
	}
	if status := answer.sent(); status >= http.StatusInternalServerError &&
		status != route.ExpectedStatus {
		level = slog.LevelWarn
		if answer.cause != nil {
			attributes = append(attributes, slog.String("cause", answer.cause.Error()))
		}
	}
	e.logger.LogAttrs(ctx, level, "http_request", attributes...)
}
