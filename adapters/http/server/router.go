// Package edge is what the listeners share: how a request is taken in and how an answer leaves.
//
// Every answer has a request id and says no-store; every error is the one envelope, by the one table from kind to status; every read and write has a
// limit and a deadline; paths are matched exactly as sent. It imports domain, ports and the standard library, uuid and go-proxyproto. The
// packages api and ops stand on it.
package server

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/offload/sessiond/ports"
)

// Traffic counts requests. Route is a pattern or RouteUnknown, method a standard one or "other", so that their values are few.
type Traffic interface {
	Began()
	Answered(route, method string, status int, took time.Duration)
}

// Edge makes a handler of routes.
type Router struct {
	routes  []Route
	clock   ports.Clock
	traffic Traffic
	logger  *slog.Logger
}

// New makes the handler that serves routes, and refuses whatever else is asked.
func NewRouter(routes []Route, clock ports.Clock, traffic Traffic, logger *slog.Logger) *Router {
	return &Router{routes: routes, clock: clock, traffic: traffic, logger: logger}
}

// Handler answers one request. An error that it returns is written as the envelope; then it must have written nothing itself.
type Handler func(w http.ResponseWriter, r *http.Request) error

// ServeHTTP takes a request in, has it answered, and takes note.
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

// match finds the route that answers.
func (e *Router) match(r *http.Request) *Route {
	path := sentPath(r)
	for i := range e.routes {
		if route := &e.routes[i]; route.matches(path) {
			return route
		}
	}
	return &unknown
}

// tell logs the request: at debug, or as a warning with the cause where the service failed.
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
