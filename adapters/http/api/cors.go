package api

import (
	"crypto/sha256"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/ports"
)

// The headers of the CORS protocol (Fetch, "CORS protocol"), in canonical form.
const (
	headerOrigin          = "Origin"
	headerPreflightMethod = "Access-Control-Request-Method"
	headerAllowOrigin     = "Access-Control-Allow-Origin"
	headerAllowMethods    = "Access-Control-Allow-Methods"
	headerAllowHeaders    = "Access-Control-Allow-Headers"
	headerExposeHeaders   = "Access-Control-Expose-Headers"
	headerMaxAge          = "Access-Control-Max-Age"
	headerVary            = "Vary"
)

const (
	// allowedHeaders are the headers that scripts may send: any, because the service ignores what
	// it does not know, and tracing libraries add headers. The star does not include Authorization;
	// the others are for browsers that do not know the star.
	allowedHeaders = "*, Authorization, Content-Type, DPoP"
	// exposedHeaders are the response headers of the routes for sessions that scripts may read.
	exposedHeaders = "Retry-After, RateLimit, RateLimit-Policy, X-Request-ID, X-Error-Code, " +
		"WWW-Authenticate, DPoP-Nonce, Date"
	// anyOrigin allows every page.
	anyOrigin = "*"
	// preflightMaxAge is how long a browser may cache the response to a preflight, in seconds.
	preflightMaxAge = "600"
)

// cors lets scripts of web pages use one route (Fetch, "CORS protocol"). It never allows requests
// with the browser's own credentials, such as cookies.
type cors struct {
	methods []string
	// allowOrigin returns the value of Access-Control-Allow-Origin for the origin of a page, or an
	// empty string if the page may not use the route.
	allowOrigin func(origin string) string
	// varies is true if every response must name the origin in Vary, so that caches distinguish
	// origins. Those that name an origin do so in any case; the others have no-store besides.
	varies bool
	// exposed are the response headers that scripts may read, beside those that they always may.
	exposed string
	events  ports.Events
}

// cors returns the middleware of a route for sessions with the given methods, for the pages that
// the operator allows.
func (a *API) cors(methods ...string) func(server.Handler) server.Handler {
	return cors{methods, a.allowOrigin, len(a.Origins) > 0, exposedHeaders, a.Events}.wrap
}

// publicCORS returns the middleware of a public route with the given methods, for every page.
func (a *API) publicCORS(methods ...string) func(server.Handler) server.Handler {
	return cors{methods, func(string) string { return anyOrigin }, false, "", a.Events}.wrap
}

// allowOrigin returns origin if pages of it may use the routes for sessions.
func (a *API) allowOrigin(origin string) string {
	if slices.Contains(a.Origins, origin) ||
		len(a.Origins) == 0 && a.LocalPages && isLocalPage(origin) {
		return origin
	}
	return ""
}

// wrap passes everything to next except the preflight of an allowed page. The preflight of another
// page is handled like any OPTIONS request, and the browser takes the result as a refusal.
func (c cors) wrap(next server.Handler) server.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		header := w.Header()
		origin, method, preflight := preflightOf(r)
		allowed := c.allowOrigin(origin)
		if c.varies || allowed != "" && allowed != anyOrigin {
			header.Add(headerVary, headerOrigin)
		}
		switch {
		case preflight && (allowed == "" || !slices.Contains(c.methods, method)):
			c.events.Record(r.Context(), ports.CORSRefused{Page: sha256.Sum256([]byte(origin)),
				Allowed: allowed != ""})
		case preflight:
			header.Set(headerAllowOrigin, allowed)
			header.Set(headerAllowMethods, strings.Join(c.methods, ", "))
			header.Set(headerAllowHeaders, allowedHeaders)
			header.Set(headerMaxAge, preflightMaxAge)
		case allowed != "":
			header.Set(headerAllowOrigin, allowed)
			if c.exposed != "" {
				header.Set(headerExposeHeaders, c.exposed)
			}
		}
		if preflight && allowed != "" {
			w.WriteHeader(http.StatusNoContent)
			return nil
		}
		return next(w, r)
	}
}

// preflightOf returns the origin of the page that r comes from, whether r is the preflight of a
// request, and the method of that request. A browser sends one value of each header; if there are
// more, r is not from a browser, and origin is empty.
func preflightOf(r *http.Request) (origin, method string, preflight bool) {
	origins := r.Header[headerOrigin]
	if len(origins) != 1 {
		return "", "", false
	}
	methods := r.Header[headerPreflightMethod]
	if len(methods) > 1 {
		return "", "", false
	}
	method = strings.Join(methods, "")
	return origins[0], method, r.Method == http.MethodOptions && method != ""
}

// isLocalPage reports whether origin, in the form that browsers send, is of a page on the browser's
// own machine.
func isLocalPage(origin string) bool {
	scheme, host, _ := strings.Cut(origin, "://")
	if scheme != "http" && scheme != "https" {
		return false
	}
	for _, local := range []string{"localhost", "127.0.0.1", "[::1]"} {
		if rest, found := strings.CutPrefix(host, local); found {
			port, found := strings.CutPrefix(rest, ":")
			number, err := strconv.ParseUint(port, 10, 16)
			return rest == "" || found && err == nil && strconv.FormatUint(number, 10) == port
		}
	}
	return false
}
