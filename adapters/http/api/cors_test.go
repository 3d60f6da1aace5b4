package api_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/domain/failure"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/ports/portsfake"
)

const (
	page     = "https://app.example.com"
	other    = "http://localhost:3000"
	stranger = "https://evil.example"
)

// fromPage sends a request as a browser does, to an API with configured origins. Each header is a
// name and a value.
func fromPage(d *testAPI, method, path, body string, headers ...[2]string) *http.Response {
	d.api.Origins = []string{page, other}
	return send(d, method, path, body, headers...)
}

// send sends a request to an API.
func send(d *testAPI, method, path, body string, headers ...[2]string) *http.Response {
	r := httptest.NewRequest(method, "/", strings.NewReader(body))
	r.RequestURI = path
	for _, header := range headers {
		r.Header.Add(header[0], header[1])
	}
	response := httptest.NewRecorder()
	server.NewRouter(d.api.Routes(), portsfake.NewClock(noon), silence{},
		slog.New(slog.DiscardHandler)).ServeHTTP(response, r)
	return response.Result()
}

// granted returns all CORS headers of a response.
func granted(response *http.Response) map[string]string {
	found := map[string]string{}
	for name, values := range response.Header {
		if strings.HasPrefix(name, "Access-Control-") {
			found[name] = strings.Join(values, "|")
		}
	}
	return found
}

func from(origin string) [2]string { return [2]string{"Origin", origin} }

func TestPreflights(t *testing.T) {
	const method, headers = "Access-Control-Request-Method", "Access-Control-Request-Headers"
	current := "/v1/sessions/current"
	for name, c := range map[string]struct {
		path    string
		headers [][2]string
		status  int
		grants  map[string]string
	}{
		"POST on the issue route": {issuePath, [][2]string{from(page), {method, "POST"},
			{headers, "authorization,content-type,x-request-id"}}, 204, preflight(page, "POST")},
		"headers of a tracing library": {issuePath, [][2]string{from(page), {method, "POST"},
			{headers, "baggage,sentry-trace,traceparent,x-<script>"}}, 204, preflight(page, "POST")},
		"from the second configured origin": {current, [][2]string{from(other), {method, "GET"},
			{headers, "authorization"}}, 204, preflight(other, "GET, HEAD")},
		"HEAD on a route with GET": {current, [][2]string{from(page), {method, "HEAD"}}, 204,
			preflight(page, "GET, HEAD")},
		"a method that the issue route does not support": {issuePath, [][2]string{from(page), {method, "GET"}}, 204,
			nil},
		"a method that the current route does not support": {current, [][2]string{from(page), {method, "POST"}}, 204,
			nil},
		"a method that no route supports": {current, [][2]string{from(page), {method, "DELETE"}}, 204,
			nil},
		"from an unknown origin": {issuePath, [][2]string{from(stranger), {method, "POST"}},
			405, nil},
		"from null": {issuePath, [][2]string{from("null"), {method, "POST"}}, 405,
			nil},
		"origin in upper case": {issuePath,
			[][2]string{from("https://APP.example.com"), {method, "POST"}}, 405, nil},
		"without an origin": {issuePath, [][2]string{{method, "POST"}}, 405, nil},
		"from two origins": {issuePath,
			[][2]string{from(page), from(stranger), {method, "POST"}}, 405, nil},
		"with two requested methods": {issuePath,
			[][2]string{from(page), {method, "POST"}, {method, "x: y"}}, 405, nil},
		"OPTIONS that is not a preflight":                 {issuePath, [][2]string{from(page)}, 405, actual(page)},
		"OPTIONS that is not a preflight, unknown origin": {issuePath, [][2]string{from(stranger)}, 405, nil},
	} {
		t.Run(name, func(t *testing.T) {
			response := fromPage(newTestAPI(), http.MethodOptions, c.path, "", c.headers...)
			assert.Equal(t, c.status, response.StatusCode)
			if c.grants == nil {
				c.grants = map[string]string{}
			}
			assert.Equal(t, c.grants, granted(response))
			assert.Equal(t, []string{"Origin"}, response.Header.Values("Vary"))
			assert.Equal(t, "no-store", response.Header.Get("Cache-Control"))
			assert.NotEmpty(t, response.Header.Get("X-Request-ID"))
			if c.status == 405 {
				assert.Equal(t, "method_not_allowed", response.Header.Get("X-Error-Code"))
			}
		})
	}
}

// preflight returns the CORS headers of a preflight that succeeds.
func preflight(origin, methods string) map[string]string {
	return map[string]string{
		"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Methods": methods,
		"Access-Control-Allow-Headers": "*, Authorization, Content-Type, DPoP",
		"Access-Control-Max-Age":       "600",
	}
}

// actual returns the CORS headers that a page gets with a response to an actual request.
func actual(origin string) map[string]string {
	return map[string]string{
		"Access-Control-Allow-Origin": origin,
		"Access-Control-Expose-Headers": "Retry-After, RateLimit, RateLimit-Policy, X-Request-ID, " +
			"X-Error-Code, WWW-Authenticate, DPoP-Nonce, Date",
	}
}

func TestEveryResponseOfBothRoutesHasCORSHeaders(t *testing.T) {
	failing := func(kind failure.Kind) *testAPI {
		d := newTestAPI()
		d.issuance.IssueFunc = func(context.Context, ports.IssueRequest) (ports.Issued, error) {
			return ports.Issued{}, failure.New(kind, nil)
		}
		d.authentication.AuthenticateFunc = func(context.Context, ports.Credentials) (session.Claims,
			error) {
			return session.Claims{}, failure.New(kind, nil)
		}
		return d
	}
	broken := newTestAPI()
	broken.issuance.IssueFunc = func(context.Context, ports.IssueRequest) (ports.Issued, error) {
		panic("internal error")
	}
	for name, c := range map[string]struct {
		testAPI            *testAPI
		method, path, body string
		media              string
		status             int
	}{
		"200":                      {newTestAPI(), "POST", issuePath, goodBody, "", 200},
		"200 on the current route": {newTestAPI(), "GET", "/v1/sessions/current", "", "", 200},
		"401": {failing(failure.Unauthorized), "GET", "/v1/sessions/current", "",
			"", 401},
		"405": {newTestAPI(), "GET", issuePath, "", "", 405},
		"405, a method that requires a preflight": {newTestAPI(), "DELETE", issuePath, "", "", 405},
		"413": {newTestAPI(), "POST", issuePath, strings.Repeat("x", 17<<10), "",
			413},
		"415": {newTestAPI(), "POST", issuePath, goodBody, "text/plain", 415},
		"422": {newTestAPI(), "POST", issuePath, "{", "", 422},
		"429": {failing(failure.RateLimited), "POST", issuePath, goodBody, "",
			429},
		"500": {broken, "POST", issuePath, goodBody, "", 500},
		"503": {failing(failure.Unavailable), "POST", issuePath, goodBody, "",
			503},
	} {
		t.Run(name, func(t *testing.T) {
			headers := [][2]string{from(page)}
			if c.media != "" {
				headers = append(headers, [2]string{"Content-Type", c.media})
			}
			response := fromPage(c.testAPI, c.method, c.path, c.body, headers...)
			assert.Equal(t, c.status, response.StatusCode)
			assert.Equal(t, actual(page), granted(response))
			assert.Equal(t, []string{"Origin"}, response.Header.Values("Vary"))
			headers[0] = from(stranger)
			response = fromPage(c.testAPI, c.method, c.path, c.body, headers...)
			assert.Equal(t, c.status, response.StatusCode,
				"an unknown origin gets the same response, which the browser hides")
			assert.Empty(t, granted(response))
			assert.Equal(t, []string{"Origin"}, response.Header.Values("Vary"))
			response = fromPage(c.testAPI, c.method, c.path, c.body, headers[1:]...)
			assert.Empty(t, granted(response))
			assert.Equal(t, []string{"Origin"}, response.Header.Values("Vary"),
				"caches must distinguish origins")
		})
	}
}

func TestOtherRoutesHaveNoCORSHeaders(t *testing.T) {
	for _, path := range []string{"/v1/sessions/verify", "/v1/sessions/verify/v1/sessions/current",
		"/v1/health", "/nowhere", "/v1/sessions/current/"} {
		for _, method := range []string{"GET", "OPTIONS", "POST"} {
			response := fromPage(newTestAPI(), method, path, "", from(page),
				[2]string{"Access-Control-Request-Method", "GET"})
			assert.Empty(t, granted(response), "%s %s", method, path)
			assert.Empty(t, response.Header.Values("Vary"))
			assert.NotEqual(t, http.StatusNoContent, response.StatusCode)
		}
	}
}

// pages returns an API with the given origins, and a function that returns the refused preflights.
func pages(local bool, origins ...string) (d *testAPI, refused func() []ports.CORSRefused) {
	d = newTestAPI()
	events := &portsfake.Events{}
	d.api.Origins, d.api.LocalPages, d.api.Events = origins, local, events
	return d, func() (refused []ports.CORSRefused) {
		for _, event := range events.Recorded() {
			if e, ok := event.(ports.CORSRefused); ok {
				refused = append(refused, e)
			}
		}
		return refused
	}
}

func TestReportsRefusedPreflights(t *testing.T) {
	d, refused := pages(false, page)
	sendPreflight := func(path, origin, method string) {
		send(d, http.MethodOptions, path, "", from(origin),
			[2]string{"Access-Control-Request-Method", method})
	}
	sendPreflight(issuePath, page, "POST")
	send(d, http.MethodOptions, issuePath, "", from(stranger)) // is no preflight
	send(d, http.MethodPost, issuePath, goodBody, from(stranger))
	sendPreflight("/v1/sessions/verify", stranger, "POST")
	assert.Empty(t, refused())
	sendPreflight(issuePath, stranger, "POST")
	sendPreflight(issuePath, stranger, "POST")
	sendPreflight(issuePath, "http://localhost:3000", "POST")
	sendPreflight(issuePath, page, "DELETE")
	sendPreflight("/openapi.json", stranger, "POST")
	events := refused()
	require.Len(t, events, 5, "recorders decide how often a page is logged")
	assert.Equal(t, events[0], events[1])
	assert.NotEqual(t, events[0].Page, events[2].Page)
	for i, allowed := range []bool{false, false, false, true, true} {
		assert.Equal(t, allowed, events[i].Allowed)
	}

	d, refused = pages(false)
	sendPreflight(issuePath, page, "POST")
	assert.Len(t, refused(), 1, "also if no origin is configured")
}

func TestPublicDocumentsAreForEveryPage(t *testing.T) {
	for _, path := range []string{"/.well-known/jwks.json", "/openapi.json"} {
		for _, origins := range [][]string{nil, {page}} {
			d, refused := pages(false, origins...)
			want := map[string]string{"Access-Control-Allow-Origin": "*"}
			for _, headers := range [][][2]string{nil, {from(stranger)}, {from("null")}} {
				for _, method := range []string{"GET", "HEAD", "POST"} {
					response := send(d, method, path, "", headers...)
					assert.Equal(t, want, granted(response), "%s %s %s", method, path, headers)
					assert.Empty(t, response.Header.Values("Vary"))
				}
			}
			response := send(d, "OPTIONS", path, "", from(stranger),
				[2]string{"Access-Control-Request-Method", "GET"},
				[2]string{"Access-Control-Request-Headers", "if-none-match,traceparent"})
			assert.Equal(t, http.StatusNoContent, response.StatusCode)
			assert.Equal(t, preflight("*", "GET, HEAD"), granted(response))
			assert.Empty(t, refused())
		}
	}
}

func TestNoPageIsAllowedWithoutOrigins(t *testing.T) {
	d, _ := pages(false)
	for _, origin := range []string{page, "http://localhost:3000", "null", ""} {
		response := send(d, "GET", "/v1/sessions/current", "", from(origin))
		assert.Empty(t, granted(response))
		assert.Empty(t, response.Header.Values("Vary"))
	}
}

func TestLocalPagesInDevelopment(t *testing.T) {
	for origin, allowed := range map[string]bool{
		"http://localhost": true, "http://localhost:3000": true, "https://localhost:65535": true,
		"http://127.0.0.1:5173": true, "http://[::1]:8081": true, "https://[::1]": true,
		"http://127.0.0.2": false, "http://localhost.evil.example": false, "null": false, "": false,
		"http://localhost:0x50": false, "http://localhost:080": false, "http://localhost:65536": false,
		"http://localhost:": false, "http://localhost:80@evil.example": false, "localhost": false,
		"http://app.localhost": false, "HTTP://localhost": false, "http://LOCALHOST": false,
		"file://localhost": false, "http://localhost/": false, "http://[::1": false,
		page: false,
	} {
		d, _ := pages(true)
		response := send(d, "GET", "/v1/sessions/current", "", from(origin))
		preflighted := send(d, "OPTIONS", issuePath, "", from(origin),
			[2]string{"Access-Control-Request-Method", "POST"})
		if allowed {
			assert.Equal(t, actual(origin), granted(response), "%q", origin)
			assert.Equal(t, []string{"Origin"}, response.Header.Values("Vary"))
			assert.Equal(t, preflight(origin, "POST"), granted(preflighted), "%q", origin)
		} else {
			assert.Empty(t, granted(response), "%q", origin)
			assert.Empty(t, granted(preflighted), "%q", origin)
		}
		d, _ = pages(true, page)
		assert.Empty(t, granted(send(d, "GET", "/v1/sessions/current", "", from("http://localhost"))),
			"configured origins are the only ones")
	}
}
