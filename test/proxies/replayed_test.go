package proxies_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/device"
)

// Traefik cannot be run here: no package registry has it, and it does not build from the Go module
// proxy. Its sub-requests are replayed as in its source, ServeHTTP and writeHeader in
// middlewares/auth/forward.go. The paths and lists of headers are those of the example.

// original is a client's request as the proxy receives it.
type original struct {
	method, target string
	authorization  []string
	proof          string // "" if none
}

// originals returns requests that clients may send. None of them may affect the sub-request.
func originals(bearer string) []original {
	list := []original{}
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH",
		"TRACE", "PROPFIND"} {
		list = append(list, original{method, "/app/x", []string{bearer}, ""})
	}
	for _, target := range targets {
		if strings.HasPrefix(target, "/") && !strings.ContainsAny(target, "#") &&
			!malformed(target) {
			list = append(list, original{"GET", target, []string{bearer}, ""})
		}
	}
	return list
}

// malformed reports whether a target is not a URL. The parser then rejects the sub-request, and so
// the proxy the request.
func malformed(target string) bool {
	_, err := url.ParseRequestURI(target)
	return err != nil
}

// traefik holds the relevant settings of the Traefik example.
type traefik struct {
	address           *url.URL
	requests, answers []string
}

// readTraefik reads the Traefik example.
func readTraefik(t *testing.T) traefik {
	t.Helper()
	var file struct {
		HTTP struct {
			Middlewares map[string]struct {
				ForwardAuth struct {
					Address     string   `yaml:"address"`
					Trust       bool     `yaml:"trustForwardHeader"`
					ForwardBody bool     `yaml:"forwardBody"`
					Requests    []string `yaml:"authRequestHeaders"`
					Responses   []string `yaml:"authResponseHeaders"`
				} `yaml:"forwardAuth"`
				Headers struct {
					Custom map[string]string `yaml:"customRequestHeaders"`
				} `yaml:"headers"`
				Buffering struct {
					Largest int64 `yaml:"maxRequestBodyBytes"`
				} `yaml:"buffering"`
			} `yaml:"middlewares"`
			Routers map[string]struct {
				Middlewares []string `yaml:"middlewares"`
			} `yaml:"routers"`
		} `yaml:"http"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(deployed(t, "traefik/dynamic.yml")), &file))
	forward := file.HTTP.Middlewares["session"].ForwardAuth
	require.False(t, forward.Trust)
	require.False(t, forward.ForwardBody)
	require.Equal(t, []string{"no-forged-session", "session", "no-proof"},
		file.HTTP.Routers["protected"].Middlewares)
	require.Equal(t, []string{"no-forged-session", "no-proof"},
		file.HTTP.Routers["public"].Middlewares)
	require.Equal(t, []string{"no-forged-session", "no-proof", "only-a-preflight", "no-body"},
		file.HTTP.Routers["preflight"].Middlewares)
	require.Equal(t, []string{"no-forged-session"}, file.HTTP.Routers["sessiond"].Middlewares)
	require.Equal(t, map[string]string{"DPoP": ""}, file.HTTP.Middlewares["no-proof"].Headers.Custom)
	require.EqualValues(t, 1, file.HTTP.Middlewares["no-body"].Buffering.Largest)
	removed := file.HTTP.Middlewares["only-a-preflight"].Headers.Custom
	for _, name := range []string{"X-Http-Method-Override", "X-Http-Method", "X-Method-Override",
		"Upgrade"} {
		value, listed := removed[name]
		require.True(t, listed && value == "", name)
	}
	for _, name := range forward.Responses {
		value, removed := file.HTTP.Middlewares["no-forged-session"].Headers.Custom[name]
		require.True(t, removed && value == "", name)
	}
	address, err := url.Parse(forward.Address)
	require.NoError(t, err)
	var static map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(deployed(t, "traefik/traefik.yml")), &static))
	return traefik{address, forward.Requests, forward.Responses}
}

// subRequest returns Traefik's sub-request: GET of the configured address, the listed headers of
// the client, line by line, and the client's request in X-Forwarded-… headers.
func (f traefik) subRequest(o original) string {
	text := "GET " + f.address.RequestURI() + " HTTP/1.1\r\nHost: " + f.address.Host +
		"\r\nUser-Agent: Go-http-client/1.1\r\n"
	for _, line := range o.authorization {
		text += "Authorization: " + line + "\r\n"
	}
	if o.proof != "" {
		text += "Dpop: " + o.proof + "\r\n"
	}
	return text + "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Host: example.test\r\nX-Forwarded-Method: " + o.method +
		"\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Uri: " + o.target +
		"\r\nX-Request-Id: mine-1\r\nAccept-Encoding: gzip\r\n\r\n"
}

func TestTraefikSubRequests(t *testing.T) {
	t.Parallel()
	example := readTraefik(t)
	require.Equal(t, []string{"Authorization", "DPoP", "X-Request-Id"}, example.requests)
	service := harness.Serve(t, nil)
	token := service.Token(t, installation)
	conn := service.Dial(t)
	for _, o := range originals("Bearer " + token) {
		conn.Send(t, example.subRequest(o))
		answer := conn.ReadResponse(t, "GET")
		require.Equal(t, http.StatusOK, answer.Status, "%s %s", o.method, o.target)
		assert.Empty(t, answer.Body)
		assert.False(t, answer.Close)
		assertSession(t, answer, example.answers)
	}
	for code, authorization := range map[string][]string{"unauthorized": nil,
		"invalid_token": {"Bearer " + token, "Bearer " + token}} {
		conn.Send(t, example.subRequest(original{"POST", "/app/x", authorization, ""}))
		assertRefusal(t, conn.ReadResponse(t, "GET"), code, "mine-1", nil)
	}
	service.Clock.Advance(time.Hour)
	conn.Send(t, example.subRequest(original{"POST", "/app/x", []string{"Bearer " + token}, ""}))
	assertRefusal(t, conn.ReadResponse(t, "GET"), "expired_token", "mine-1", nil)
}

// TestTraefikAsksAboutBoundSessions replays a request with a proof, which must be for what Traefik
// says of the original request.
func TestTraefikAsksAboutBoundSessions(t *testing.T) {
	t.Parallel()
	example := readTraefik(t)
	service := harness.Serve(t, binding.With(harness.Env{"OFFLOAD_TRUSTED_PROXIES": "127.0.0.1",
		"OFFLOAD_PUBLIC_ORIGINS": "https://example.test"}))
	phone, now := device.New(1), service.Clock.Now()
	issued := device.For(http.MethodPost, "https://example.test"+harness.IssuePath, now)
	token := service.Token(t, phone.Thumbprint, harness.Header{"DPoP", phone.Proof(issued)})
	conn := service.Dial(t)
	for target, code := range map[string]string{"/app/x": "", "/app/x?a=b": "", "/app/%78": "",
		"/app/y": "invalid_proof", "/app//x": "invalid_proof"} {
		proof := phone.Proof(device.For("PUT", "https://example.test/app/x", now).ForToken(token))
		conn.Send(t, example.subRequest(original{"PUT", target, []string{"DPoP " + token}, proof}))
		answer := conn.ReadResponse(t, "GET")
		if code != "" {
			assertRefusal(t, answer, code, "mine-1", nil)
			continue
		}
		require.Equal(t, http.StatusOK, answer.Status, "%s: %s", target, answer.Body)
		assert.Equal(t, "key", answer.Header.Get("X-Session-Binding"))
	}
}

// assertSession fails unless the headers that the proxy copies describe the session, each once, and
// there are no others.
func assertSession(t *testing.T, answer harness.Response, copied []string) {
	t.Helper()
	found := map[string]string{}
	for _, name := range copied {
		values := answer.Header.Values(name)
		require.Len(t, values, 1, name)
		found[http.CanonicalHeaderKey(name)] = values[0]
	}
	assert.Equal(t, map[string]string{
		"X-Session-Install-Id": encoded, "X-Session-Expires-At": "2026-02-16T13:00:00Z",
		"X-Session-Key-Id": "v2-default", "X-Session-Binding": "none",
	}, found)
}

// assertRefusal fails unless the response is the refusal of the contract, and the proxy copies
// every header that a client needs. A nil copied means that it copies all.
func assertRefusal(t *testing.T, answer harness.Response, code, requestID string, copied []string) {
	t.Helper()
	refusal := refusals[code]
	require.Equal(t, http.StatusUnauthorized, answer.Status)
	for name, value := range map[string]string{
		"Www-Authenticate": refusal.authenticate, "X-Error-Code": code, "X-Request-Id": requestID,
		"Content-Type": "application/json", "Cache-Control": "no-store",
	} {
		assert.Equal(t, []string{value}, answer.Header.Values(name))
		if copied != nil {
			assert.Contains(t, copied, strings.ToLower(name))
		}
	}
	assert.Equal(t, `{"error":{"code":"`+code+`","message":"`+refusal.message+`","request_id":"`+
		requestID+`"}}`, answer.Body)
}
