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

func (t *Route) matches(path string) bool {
	rest, found := strings.CutPrefix(path, t.Pattern)
	if !found || rest == "" {
		return found
	}
	return t.Subtree && (rest[0] == '/' || len(rest) >= 3 && strings.EqualFold(rest[:3], "%2F"))
}

// endpoint is a route whose handlers are complete.
type endpoint struct {
	Route
	allowed []string // methods; empty for any
	// handle is for requests with an allowed method, and refuse for the others.
	handle, refuse Handler
}

func newEndpoint(route Route) endpoint {
	s := endpoint{Route: route, allowed: route.Methods}
	if slices.Contains(s.allowed, http.MethodGet) {
		s.allowed = append(slices.Clone(s.allowed), http.MethodHead)
	}
	list := strings.Join(s.allowed, ", ")
	s.handle = route.complete(route.Handle)
	s.refuse = route.complete(func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Allow", list)
		return failure.New(failure.MethodNotAllowed, nil)
	})
	return s
}

// complete adds to handle what every request of the route passes. The middleware needs no slot, so
// that a request that is shed gets the headers that the middleware sets.
func (t *Route) complete(handle Handler) Handler {
	if !t.ReadsBody {
		handle = admit(handle)
	}
	if t.Middleware != nil {
		handle = t.Middleware(handle)
	}
	return handle
}

// handler returns the handler for requests with the given method.
func (s *endpoint) handler(method string) Handler {
	if len(s.allowed) == 0 || slices.Contains(s.allowed, method) {
		return s.handle
	}
	return s.refuse
}

// CountedMethods returns the methods that Traffic counts requests to the route under, except those
// that it does not allow.
func (t *Route) CountedMethods() []string {
	if len(t.Methods) > 0 {
		return newEndpoint(*t).allowed
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
