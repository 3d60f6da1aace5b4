package server

import (
	"net/http"
	"slices"
	"strings"

	"github.com/offload/sessiond/domain/failure"
)

// RouteUnknown is the route of a request that matched none.
const RouteUnknown = "unknown"

// Route is one path and its handler.
type Route struct {
	// Pattern is the path, exactly as a client must send it.
	Pattern string
	// Subtree makes the route match every path below Pattern too, whatever its form.
	Subtree bool
	// Methods lists the allowed methods; GET includes HEAD. An empty list allows any.
	Methods []string
	Handle  Handler
	// ReadsBody is true if the handler calls ReadBody. It then gets its slot when the body is
	// there.
	ReadsBody bool
	// ExpectedStatus is a 5xx status that is a normal response on this route and no failure of the
	// service; 0 for none.
	ExpectedStatus int
	// Middleware wraps the route's handler, including the one that refuses a method; nil for none.
	Middleware func(Handler) Handler
}

// unknown is the route for requests that match no other.
var unknown = newEndpoint(Route{Pattern: RouteUnknown,
	Handle: func(http.ResponseWriter, *http.Request) error {
		return failure.New(failure.NotFound, nil)
	}})

// matches reports whether path, as the client sent it, is on the route.
func (route *Route) matches(path string) bool {
	rest, found := strings.CutPrefix(path, route.Pattern)
	if !found || rest == "" {
		return found
	}
	return route.Subtree && (rest[0] == '/' || len(rest) >= 3 && strings.EqualFold(rest[:3], "%2F"))
}

// endpoint is a Route with the handlers that the router calls, wrapped by complete.
type endpoint struct {
	Route
	allowed []string // methods; empty for any
	// handle is for requests with an allowed method, and refuse for the others.
	handle, refuse Handler
}

func newEndpoint(route Route) endpoint {
	e := endpoint{Route: route, allowed: route.Methods}
	if slices.Contains(e.allowed, http.MethodGet) {
		e.allowed = append(slices.Clone(e.allowed), http.MethodHead)
	}
	list := strings.Join(e.allowed, ", ")
	e.handle = route.complete(route.Handle)
	e.refuse = route.complete(func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Allow", list)
		return failure.New(failure.MethodNotAllowed, nil)
	})
	return e
}

// complete wraps handle so that it is called with a slot, unless ReadBody takes the slot, and wraps
// the result in the middleware. The middleware needs no slot, so that a request that is shed gets
// the headers that the middleware sets.
func (route *Route) complete(handle Handler) Handler {
	if !route.ReadsBody {
		handle = admit(handle)
	}
	if route.Middleware != nil {
		handle = route.Middleware(handle)
	}
	return handle
}

// handler returns the handler for requests with the given method.
func (e *endpoint) handler(method string) Handler {
	if len(e.allowed) == 0 || slices.Contains(e.allowed, method) {
		return e.handle
	}
	return e.refuse
}

// CountedMethods returns the allowed methods of the route, as Traffic counts them. For a route that
// allows any method these are the standard ones and "other".
func (route *Route) CountedMethods() []string {
	if len(route.Methods) > 0 {
		return newEndpoint(*route).allowed
	}
	return []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut,
		http.MethodPatch, http.MethodDelete, http.MethodConnect, http.MethodOptions,
		http.MethodTrace, methodOther}
}

// methodOther is the label of methods that are not standard.
const methodOther = "other"

// methodLabel returns the method if it is a standard one, and "other" otherwise, so that clients
// cannot create new metric series.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete,
		http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return method
	}
	return methodOther
}
