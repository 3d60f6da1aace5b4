package api

import (
	"net/http"

	"github.com/rs/cors"

	"github.com/offload/sessiond/adapters/http/envelope"
	"github.com/offload/sessiond/adapters/http/server"
)

// preflightMaxAge is how long a browser may cache a preflight response, in seconds.
const preflightMaxAge = 600

// allowedHeaders lists the headers that scripts may send, and exposedHeaders lists the response
// headers that they may read.
var (
	allowedHeaders = []string{envelope.HeaderAuthorization, envelope.HeaderContentType,
		envelope.HeaderRequestID}
	exposedHeaders = []string{envelope.HeaderRetryAfter, headerRateLimit, headerRateLimitPolicy,
		envelope.HeaderRequestID, envelope.HeaderErrorCode, envelope.HeaderChallenge}
)

// allMethods lists the methods whose response a script may read, even if it is a refusal.
var allMethods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut,
	http.MethodPatch, http.MethodDelete}

// corsRoute lets scripts of the configured origins use one route (Fetch, "CORS protocol").
type corsRoute struct{ preflight, actual *cors.Cors }

// corsMiddleware returns the CORS middleware of a route with the given methods, or nil if no origin
// is configured.
func (a *API) corsMiddleware(methods ...string) func(server.Handler) server.Handler {
	if len(a.Origins) == 0 {
		return nil
	}
	// The library's own list would compare case-insensitively, and treat a star as a wildcard.
	allowed := map[string]bool{}
	for _, origin := range a.Origins {
		allowed[origin] = true
	}
	isAllowed := func(origin string) bool { return allowed[origin] }
	return corsRoute{
		preflight: cors.New(cors.Options{AllowOriginFunc: isAllowed, AllowedMethods: methods,
			AllowedHeaders: allowedHeaders, MaxAge: preflightMaxAge}),
		actual: cors.New(cors.Options{AllowOriginFunc: isAllowed, AllowedMethods: allMethods,
			ExposedHeaders: exposedHeaders}),
	}.wrap
}

// wrap passes everything to next except the preflight of an allowed origin. The preflight of
// another origin is handled like any OPTIONS request, and the browser takes the result as a
// refusal.
func (c corsRoute) wrap(next server.Handler) server.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		switch {
		case !c.isAllowed(r):
			w.Header().Add("Vary", "Origin")
		case r.Method == http.MethodOptions && r.Header.Get(preflightMethod) != "":
			c.preflight.HandlerFunc(w, r)
			return nil
		default:
			c.actual.HandlerFunc(w, r)
		}
		return next(w, r)
	}
}

// preflightMethod is the header that makes an OPTIONS request a preflight.
const preflightMethod = "Access-Control-Request-Method"

// isAllowed reports whether r comes from an allowed origin. The library checks only one Origin line
// but copies every line to its response, so exactly one is required.
func (c corsRoute) isAllowed(r *http.Request) bool {
	return len(r.Header.Values("Origin")) == 1 && len(r.Header.Values(preflightMethod)) <= 1 &&
		c.actual.OriginAllowed(r)
}
