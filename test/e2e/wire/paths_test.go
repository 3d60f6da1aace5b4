package wire_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/test/harness"
)

// Path matching. If a proxy cleaned a path and the service did not, or the other way round, one
// could be used to bypass the other. So the service does not clean, decode or redirect.

func TestPathsAreMatchedAsSent(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, nil)
	for _, sent := range []struct {
		method, target string
		status         int
	}{
		{"GET", "/v1/health", 200},
		{"GET", "/v1/health?", 200},
		{"GET", "/v1/health?x=/v1/../y%2F", 200},
		{"GET", "http://sessiond/v1/health", 200},
		{"GET", "HTTP://elsewhere:1/v1/health?x", 200},
		{"GET", "/", 404},
		{"GET", "//", 404},
		{"GET", "/v1", 404},
		{"GET", "/v1/health/", 404},
		{"GET", "//v1/health", 404},
		{"GET", "/v1//health", 404},
		{"GET", "/v1/health//", 404},
		{"GET", "/./v1/health", 404},
		{"GET", "/v1/./health", 404},
		{"GET", "/v1/health/.", 404},
		{"GET", "/v1/x/../health", 404},
		{"GET", "/../v1/health", 404},
		{"GET", "/v1/%2e/health", 404},
		{"GET", "/v1/x/%2e%2e/health", 404},
		{"GET", "/v1%2Fhealth", 404},
		{"GET", "/v1/%68ealth", 404},
		{"GET", "/v1/health%00", 404},
		{"GET", "/v1/health%3Fx", 404},
		{"GET", "/v1/health;x=1", 404},
		{"GET", "/v1/health#x", 404},
		{"GET", "/v1/health%20", 404},
		{"GET", "/V1/health", 404},
		{"GET", "/v1/Health", 404},
		{"GET", "/v1\\health", 404},
		{"GET", "http://sessiond", 404},
		{"GET", "http://sessiond//v1/health", 404},
		{"GET", "http://sessiond/v1/./health", 404},
		{"GET", "/http://sessiond/v1/health", 404},
		{"GET", "//sessiond/v1/health", 404},
		{"OPTIONS", "*", 404},
		{"OPTIONS", "/v1/health", 405},
		{"CONNECT", "sessiond:443", 404},
		{"CONNECT", "/v1/health", 405},
		{"TRACE", "/v1/health", 405},
		{"BREW", "/v1/health", 405},
		{"get", "/v1/health", 405},
		{"POST", "/v1/sessions/anonymous/", 404},
		{"POST", "/v1/sessions//anonymous", 404},
		{"POST", "/v1/sessions/verify/../anonymous", 401},
		{"GET", "/v1/sessions/current/", 404},
		{"GET", "/v1/sessions/%63urrent", 404},
		{"GET", "/livez", 404},
		{"GET", "/readyz", 404},
		{"GET", "/metrics", 404},
		{"GET", "/debug/pprof/", 404},
	} {
		t.Run(sent.method+" "+sent.target, func(t *testing.T) {
			answer := service.Exchange(t, sent.method,
				harness.RawRequest(sent.method, sent.target, ""))
			assert.Equal(t, sent.status, answer.Status)
			assert.Empty(t, answer.Header.Values("Location"))
			assert.Equal(t, "no-store", answer.Header.Get("Cache-Control"))
			if sent.method != http.MethodConnect { // whose response has no body for an HTTP parser
				assert.True(t, strings.HasPrefix(answer.Body, "{"), "%s", answer.Body)
			}
		})
	}
}

func TestHeadWorksWhereverGetDoes(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, nil)
	bearer := harness.Bearer(service.Token(t, "install-12345"))
	fixed := harness.Header{"X-Request-ID", "same"}
	for _, path := range []string{"/v1/health", "/v1/sessions/current", "/v1/sessions/verify/x",
		"/nowhere", "/v1/sessions/anonymous"} {
		t.Run(path, func(t *testing.T) {
			get := service.Send(t, http.MethodGet, path, "", bearer, fixed)
			head := service.Send(t, http.MethodHead, path, "", bearer, fixed)
			assertSame(t, get, head)
			if get.Body != "" {
				assert.Equal(t, get.Header.Get("Content-Length"), head.Header.Get("Content-Length"))
			}
		})
	}
	t.Run("without a token", func(t *testing.T) {
		get, head := service.Current(t, fixed),
			service.Send(t, http.MethodHead, "/v1/sessions/current", "", fixed)
		assert.Equal(t, http.StatusUnauthorized, head.Status)
		assertSame(t, get, head)
	})
	for _, path := range []string{"/livez", "/readyz", "/metrics", "/nowhere"} {
		t.Run("operations: "+path, func(t *testing.T) {
			assertSame(t, service.Operations(t, http.MethodGet, path, fixed),
				service.Operations(t, http.MethodHead, path, fixed))
		})
	}
}

// assertSame fails unless head equals get without its body. Content-Length is not compared.
func assertSame(t *testing.T, get, head harness.Response) {
	t.Helper()
	assert.Equal(t, get.Status, head.Status)
	assert.Empty(t, head.Body)
	for _, header := range []http.Header{get.Header, head.Header} {
		header = header.Clone()
		header.Del("Date")
		header.Del("Content-Length")
		get.Header, head.Header = head.Header, header
	}
	assert.Equal(t, get.Header, head.Header)
}

func TestOperationsPathsAreSeparate(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, nil)
	for path, status := range map[string]int{
		"/livez": 200, "/readyz": 200, "/metrics": 200, "/": 200, "/console.json": 200,
		"/livez/": 404, "//livez": 404, "/v1/health": 404, "/v1/sessions/current": 404,
		"/debug/pprof/": 404,
	} {
		assert.Equal(t, status, service.Operations(t, http.MethodGet, path).Status, path)
	}
	refused := service.Operations(t, http.MethodPost, "/readyz")
	assert.Equal(t, "method_not_allowed", refused.Code())
	assert.Equal(t, "GET, HEAD", refused.Header.Get("Allow"))
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, nil)
	all := "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
	for name, given := range map[string]string{
		"one character":           "x",
		"every allowed character": all,
		"128 characters":          strings.Repeat("a", 128),
		"a UUID":                  "0190b6c4-7a4e-7cc2-8f7e-2f6f4d1f8f11",
		"a trace's id":            "4bf92f3577b34da6a3ce929d0e0e4736",
		"only dots":               "..",
		"spaces around it ":       "  trimmed-by-http\t",
	} {
		t.Run("kept: "+name, func(t *testing.T) {
			answer := service.Exchange(t, "GET",
				harness.RawRequest("GET", "/nowhere", "", "X-Request-ID: "+given))
			assert.Equal(t, strings.TrimSpace(given), idOf(t, answer))
		})
	}
	for name, headers := range map[string][]string{
		"none":                     nil,
		"empty":                    {"X-Request-ID: "},
		"129 characters":           {"X-Request-ID: " + strings.Repeat("a", 129)},
		"a space":                  {"X-Request-ID: a b"},
		"a slash":                  {"X-Request-ID: a/b"},
		"a quote":                  {`X-Request-ID: a"b`},
		"markup":                   {"X-Request-ID: <b>"},
		"UTF-8 letters":            {"X-Request-ID: é"},
		"bytes that are not UTF-8": {"X-Request-ID: \xff"},
		"two different ids":        {"X-Request-ID: a", "X-Request-ID: b"},
		"the same twice":           {"X-Request-ID: a", "X-Request-ID: a"},
	} {
		t.Run("replaced: "+name, func(t *testing.T) {
			first := idOf(t, service.Exchange(t, "GET",
				harness.RawRequest("GET", "/nowhere", "", headers...)))
			second := idOf(t, service.Exchange(t, "GET",
				harness.RawRequest("GET", "/nowhere", "", headers...)))
			assert.Regexp(t, uuid, first)
			assert.Regexp(t, uuid, second)
			assert.NotEqual(t, first, second)
		})
	}
	t.Run("on every kind of response", func(t *testing.T) {
		given := harness.Header{"X-Request-ID", "mine"}
		for _, answer := range []harness.Response{
			service.Issue(t, "install-12345", given),
			service.Send(t, "GET", "/v1/health", "", given),
			service.Send(t, "GET", "/v1/sessions/verify", "", given),
			service.Operations(t, "GET", "/livez", given),
			service.Operations(t, "GET", "/metrics", given),
		} {
			assert.Equal(t, "mine", answer.Header.Get("X-Request-ID"))
			assert.Equal(t, "no-store", answer.Header.Get("Cache-Control"))
		}
	})
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// idOf returns the request id of an error, which must be the same in header and body.
func idOf(t *testing.T, answer harness.Response) string {
	t.Helper()
	var body struct {
		Error struct {
			RequestID string `json:"request_id"`
		}
	}
	answer.Decode(t, &body)
	assert.Equal(t, answer.Header.Get("X-Request-ID"), body.Error.RequestID)
	return body.Error.RequestID
}
