package api

import (
	"net/http"

	"github.com/rs/cors"

	"github.com/offload/sessiond/adapters/http/server"
)

// preflightFor is how long a browser may cache the response to a preflight, in seconds.
const preflightFor = 600

// The headers that scripts in browsers may send, and the response headers that they may read.
var (
	askedHeaders   = []string{"Authorization", "Content-Type", "X-Request-ID"}
	exposedHeaders = []string{"Retry-After", "RateLimit", "RateLimit-Policy", "X-Request-ID",
		"X-Error-Code", "WWW-Authenticate"}
)

// allMethods are those whose responses a browser's script may read, even if they are refusals.
var allMethods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut,
	http.MethodPatch, http.MethodDelete}

// cross lets scripts of the configured origins use one route (Fetch, "CORS protocol").
type cross struct{ preflight, actual *cors.Cors }

// crossing returns the middleware for a route with the given methods; nil if no origin is
// configured.
func (a *API) crossing(methods ...string) func(server.Handler) server.Handler {
	if len(a.Origins) == 0 {
		return nil
	}
	// The library would compare case-insensitively, and take * for any text.
	allowed := map[string]bool{}
	for _, origin := range a.Origins {
		allowed[origin] = true
	}
	of := func(origin string) bool { return allowed[origin] }
	return cross{
		preflight: cors.New(cors.Options{AllowOriginFunc: of, AllowedMethods: methods,
			AllowedHeaders: askedHeaders, MaxAge: preflightFor}),
		actual: cors.New(cors.Options{AllowOriginFunc: of, AllowedMethods: allMethods,
			ExposedHeaders: exposedHeaders}),
	}.around
}

// around answers the preflights of allowed origins and lets next handle everything else. Another
// origin's preflight is handled like any OPTIONS request, which the browser takes for a refusal.
func (c cross) around(next server.Handler) server.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		switch {
		case !c.knows(r):
			w.Header().Add("Vary", "Origin")
		case r.Method == http.MethodOptions && r.Header.Get(askMethod) != "":
			c.preflight.HandlerFunc(w, r)
			return nil
		default:
			c.actual.HandlerFunc(w, r)
		}
		return next(w, r)
	}
}

// askMethod is the header that makes OPTIONS a preflight.
const askMethod = "Access-Control-Request-Method"

// knows reports whether a request comes from an allowed origin. The library checks one line of a
// header and repeats every line in its response: so there must be exactly one.
func (c cross) knows(r *http.Request) bool {
	return len(r.Header.Values("Origin")) == 1 && len(r.Header.Values(askMethod)) <= 1 &&
		c.actual.OriginAllowed(r)
}
