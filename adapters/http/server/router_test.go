package server_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/http/envelope"
	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/domain/failure"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports/portsfake"
)

// recordedTraffic is a server.Traffic that records its calls.
type recordedTraffic struct{ lines []entry }

type entry struct {
	route, method string
	status        int
	took          time.Duration
}

func (b *recordedTraffic) Began() {}
func (b *recordedTraffic) Answered(route, method string, status int, took time.Duration) {
	b.lines = append(b.lines, entry{route, method, status, took})
}

// ticking is a clock that advances by a millisecond each time it is read.
type ticking struct{ *portsfake.Clock }

func (c ticking) Instant() throttle.Instant {
	c.Advance(time.Millisecond)
	return c.Clock.Instant()
}

// serve returns the response of routes to r, the recorded traffic and the log. The clock advances
// by a millisecond each time it is read.
func serve(r *http.Request, routes ...server.Route) (*http.Response, *recordedTraffic, string) {
	clock := ticking{portsfake.NewClock(time.Time{})}
	var log bytes.Buffer
	traffic, response := &recordedTraffic{}, httptest.NewRecorder()
	logger := slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	server.NewRouter(routes, clock, traffic, logger).ServeHTTP(response, r)
	return response.Result(), traffic, log.String()
}

func ok(w http.ResponseWriter, _ *http.Request) error {
	w.WriteHeader(http.StatusOK)
	return nil
}

func target(method, uri string) *http.Request {
	r := httptest.NewRequest(method, "/", nil)
	r.RequestURI = uri
	return r
}

func TestMatchesPathsAsSent(t *testing.T) {
	routes := []server.Route{{Pattern: "/a/b", Methods: []string{"GET"}, Handle: ok},
		{Pattern: "/below", Subtree: true, Handle: ok}}
	for uri, status := range map[string]int{
		"/a/b": 200, "/a/b?x": 200, "/a/b?": 200, "http://host/a/b": 200, "http://host/a/b?x": 200,
		"https://host:1/below": 200,
		"/below":               200, "/below/": 200, "/below/..": 200, "/below//": 200,
		"/below%2Fx": 200,
		"/below%2fx": 200,
		"/a/b/":      404, "//a/b": 404, "/a//b": 404, "/a/./b": 404, "/a/x/../b": 404,
		"/a%2Fb": 404,
		"/%61/b": 404, "/A/b": 404,
		"/a/b#x": 404, "/a/b;x": 404, "/": 404, "*": 404, "": 404, "host:443": 404,
		"http://host": 404, "http://host?/a/b": 404,
		"/belowx": 404, "/below%2": 404, "/below.": 404, "/belo": 404,
	} {
		t.Run(uri, func(t *testing.T) {
			response, _, _ := serve(target("GET", uri), routes...)
			assert.Equal(t, status, response.StatusCode)
			assert.Empty(t, response.Header.Get("Location"))
		})
	}
}

func TestRefusesMethodsThatRouteDoesNotAllow(t *testing.T) {
	routes := []server.Route{
		{Pattern: "/get", Methods: []string{"GET"}, Handle: ok},
		{Pattern: "/post", Methods: []string{"POST"}, Handle: ok},
		{Pattern: "/any", Handle: ok},
	}
	for _, c := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/get", 200, ""}, {"HEAD", "/get", 200, ""}, {"POST", "/get", 405, "GET, HEAD"},
		{"get", "/get", 405, "GET, HEAD"},
		{"POST", "/post", 200, ""}, {"GET", "/post", 405, "POST"}, {"HEAD", "/post", 405, "POST"},
		{"OPTIONS", "/post", 405, "POST"},
		{"BREW", "/any", 200, ""}, {"POST", "/none", 404, ""},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			response, _, _ := serve(target(c.method, c.path), routes...)
			assert.Equal(t, c.status, response.StatusCode)
			assert.Equal(t, c.allow, response.Header.Get("Allow"))
		})
	}
}

func TestErrorsRepeatRequestID(t *testing.T) {
	for _, given := range []string{"Abc.1_2-3", "<script>"} {
		r := target("GET", "/none")
		r.Header.Set("X-Request-ID", given)
		response, _, _ := serve(r)
		id := response.Header.Get("X-Request-ID")
		assert.Equal(t, given == "Abc.1_2-3", id == given, given)
		var body struct {
			Error struct {
				RequestID string `json:"request_id"`
			}
		}
		require.NoError(t, json.NewDecoder(response.Body).Decode(&body))
		assert.Equal(t, id, body.Error.RequestID)
	}
}

func FuzzRequestID(f *testing.F) {
	for _, seed := range []string{"", "a", "a b", "\x00", "é", strings.Repeat("a", 129),
		"a\r\nSet-Cookie: x"} {
		f.Add(seed)
	}
	harmless := regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)
	f.Fuzz(func(t *testing.T, given string) {
		r := target("GET", "/none")
		r.Header["X-Request-Id"] = []string{given}
		response, _, log := serve(r)
		id := response.Header.Get("X-Request-ID")
		assert.Regexp(t, harmless, id)
		assert.Equal(t, harmless.MatchString(given), id == given)
		assert.Contains(t, log, `"request_id":"`+id+`"`)
	})
}

// TestFailuresAreAnsweredAndLogged checks the error response of each failure kind, and that the
// operator sees why the service failed.
func TestFailuresAreAnsweredAndLogged(t *testing.T) {
	for _, kind := range failure.Kinds() {
		t.Run(kind.Code(), func(t *testing.T) {
			response, traffic, log := serve(target("GET", "/a"),
				server.Route{Pattern: "/a", Handle: func(http.ResponseWriter, *http.Request) error {
					return failure.New(kind, errors.New("a cause"))
				}})
			status := response.StatusCode
			assert.GreaterOrEqual(t, status, 400)
			assert.Equal(t, kind.Code(), response.Header.Get("X-Error-Code"))
			assert.Equal(t, "no-store", response.Header.Get("Cache-Control"))
			assert.Equal(t, "application/json", response.Header.Get("Content-Type"))
			assert.Equal(t, []entry{{"/a", "GET", status, time.Millisecond}}, traffic.lines)
			assert.Equal(t, status >= 500, strings.Contains(log, "a cause"))
		})
	}
}

// TestExpectedStatusIsNotLoggedAsFailure checks that only the route that expects a status logs it
// at debug level.
func TestExpectedStatusIsNotLoggedAsFailure(t *testing.T) {
	unready := func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusServiceUnavailable)
		return nil
	}
	routes := []server.Route{
		{Pattern: "/ready", Handle: unready, ExpectedStatus: http.StatusServiceUnavailable},
		{Pattern: "/other", Handle: unready},
		{Pattern: "/broken", Handle: func(http.ResponseWriter, *http.Request) error {
			return errors.New("x")
		}, ExpectedStatus: http.StatusServiceUnavailable},
	}
	for path, level := range map[string]string{"/ready": "DEBUG", "/other": "WARN",
		"/broken": "WARN"} {
		_, _, log := serve(target("GET", path), routes...)
		assert.Contains(t, log, `"level":"`+level+`","msg":"http_request"`, path)
	}
}

// TestLogsBytesSent checks the logged size, which is 0 for HEAD.
func TestLogsBytesSent(t *testing.T) {
	route := server.Route{Pattern: "/a", Methods: []string{"GET"},
		Handle: func(w http.ResponseWriter, _ *http.Request) error {
			envelope.WriteJSON(w, http.StatusOK, "four")
			return nil
		}}
	for method, count := range map[string]string{"GET": `"bytes":6,`, "HEAD": `"bytes":0,`} {
		_, _, log := serve(target(method, "/a"), route)
		assert.Contains(t, log, count, method)
	}
}

func TestTrafficLabelsAreBounded(t *testing.T) {
	for _, c := range []struct{ method, uri, route, label string }{
		{"GET", "/a", "/a", "GET"}, {"BREW", "/a/below", "/a", "other"},
		{"get", "/a", "/a", "other"}, {"PUT", "/b", "unknown", "PUT"},
	} {
		_, traffic, _ := serve(target(c.method, c.uri),
			server.Route{Pattern: "/a", Subtree: true, Handle: ok})
		require.Len(t, traffic.lines, 1)
		assert.Equal(t, c.route, traffic.lines[0].route)
		assert.Equal(t, c.label, traffic.lines[0].method)
	}
}

func TestPanicsAreAnsweredAndLoggedWithoutTheirValue(t *testing.T) {
	t.Run("before a response", func(t *testing.T) {
		response, traffic, log := serve(target("GET", "/a"),
			server.Route{Pattern: "/a", Handle: func(http.ResponseWriter, *http.Request) error {
				panic("hunter2")
			}})
		assert.Equal(t, 500, response.StatusCode)
		assert.Equal(t, 500, traffic.lines[0].status)
		assert.Contains(t, log, `"msg":"panic_recovered"`)
		assert.Contains(t, log, `"thrown":"string"`)
		assert.Contains(t, log, "router_test.go")
		assert.NotContains(t, log, "hunter2", "the panic value may hold input")
	})
	t.Run("runtime error", func(t *testing.T) {
		_, _, log := serve(target("GET", "/a"),
			server.Route{Pattern: "/a", Handle: func(_ http.ResponseWriter, r *http.Request) error {
				one := []int{r.ProtoMajor}
				_ = one[r.ProtoMajor]
				return nil
			}})
		assert.Contains(t, log, "index out of range")
	})
	t.Run("in the middle of a response", func(t *testing.T) {
		assert.PanicsWithValue(t, http.ErrAbortHandler, func() {
			serve(target("GET", "/a"), server.Route{Pattern: "/a",
				Handle: func(w http.ResponseWriter, _ *http.Request) error {
					w.WriteHeader(200)
					panic("late")
				}})
		})
	})
	t.Run("http.ErrAbortHandler", func(t *testing.T) {
		assert.PanicsWithValue(t, http.ErrAbortHandler, func() {
			serve(target("GET", "/a"), server.Route{Pattern: "/a",
				Handle: func(http.ResponseWriter, *http.Request) error {
					panic(http.ErrAbortHandler)
				}})
		})
	})
}
