package api

import (
	"net/http"

	"github.com/rs/cors"

	"github.com/offload/sessiond/adapters/http/server"
)

// preflightFor is how long a browser may keep what it was told about a route, in seconds.
const preflightFor = 600

// The headers that browsers' scripts may send, and those of an answer that they may read.
var (
	askedHeaders   = []string{"Authorization", "Content-Type", "X-Request-ID"}
	exposedHeaders = []string{"Retry-After", "RateLimit", "RateLimit-Policy", "X-Request-ID",
		"X-Error-Code", "WWW-Authenticate"}
)

// allMethods are those of which a browser gets to read the answer, be it a refusal.
var allMethods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut,
	http.MethodPatch, http.MethodDelete}

// cross lets scripts of the configured origins use one route (Fetch, "CORS protocol").
type cross struct{ preflight, actual *cors.Cors }

// crossing is what goes around a route that answers methods; nil where no origin is configured.
func (a *API) crossing(methods ...string) func(server.Handler) server.Handler {
	if len(a.Origins) == 0 {
		return nil
	}
	// The library would compare without regard to case, and take a star for any text.
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

// around has next answer everything but an allowed origin's preflight. A stranger's gets what any OPTIONS gets, which tells the browser no.
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

// knows tells whether a request comes from an allowed origin. The library looks at one line of a header, and repeats every line in its answer: so there
// must be one.
func (c cross) knows(r *http.Request) bool {
	return len(r.Header.Values("Origin")) == 1 && len(r.Header.Values(askMethod)) <= 1 &&
		c.actual.OriginAllowed(r)
}
