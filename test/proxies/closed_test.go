package proxies_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/freeport"
)

// session sets the headers with which the service describes a session.
func session(w http.ResponseWriter) {
	w.Header().Set("X-Session-Install-Id", "install-12345")
	w.Header().Set("X-Session-Expires-At", "2026-02-16T13:00:00Z")
	w.Header().Set("X-Session-Key-Id", "v2-default")
	w.Header().Set("X-Session-Binding", "none")
}

// TestFailedVerificationDeniesAccess shows that no request reaches the application if its session
// cannot be verified, whatever the failure.
func TestFailedVerificationDeniesAccess(t *testing.T) {
	t.Parallel()
	for _, failure := range []struct {
		name    string
		status  map[string]int // by example
		handler http.HandlerFunc
	}{
		{"the service is down", map[string]int{"nginx": 503, "caddy": 502, "haproxy": 503, "envoy": 503}, nil},
		{"the service hangs", map[string]int{"nginx": 503, "caddy": 504, "haproxy": 503, "envoy": 503},
			func(_ http.ResponseWriter, r *http.Request) {
				<-r.Context().Done() // until the proxy gives up
			}},
		{"it hangs in the midst of an answer",
			map[string]int{"nginx": 503, "caddy": 504, "haproxy": 503, "envoy": 503},
			func(w http.ResponseWriter, r *http.Request) {
				conn, buffered, err := http.NewResponseController(w).Hijack()
				if err != nil {
					panic(err)
				}
				defer func() { _ = conn.Close() }()
				_, _ = conn.Write(
					[]byte("HTTP/1.1 200 OK\r\nX-Session-Install-Id: install-12345\r\n"))
				_, _ = buffered.ReadByte() // until the proxy gives up
			}},
		{"the service breaks off its response",
			map[string]int{"nginx": 503, "caddy": 502, "haproxy": 503, "envoy": 503},
			func(http.ResponseWriter, *http.Request) {
				panic(http.ErrAbortHandler)
			}},
		{"503", map[string]int{"nginx": 503, "caddy": 503, "haproxy": 503, "envoy": 503},
			func(w http.ResponseWriter, _ *http.Request) {
				session(w)
				w.WriteHeader(http.StatusServiceUnavailable)
			}},
		{"500", map[string]int{"nginx": 503, "caddy": 500, "haproxy": 503, "envoy": 503},
			func(w http.ResponseWriter, _ *http.Request) {
				session(w)
				w.WriteHeader(http.StatusInternalServerError)
			}},
		{"404", map[string]int{"nginx": 503, "caddy": 404, "haproxy": 503, "envoy": 404},
			func(w http.ResponseWriter, _ *http.Request) {
				session(w)
				w.WriteHeader(http.StatusNotFound)
			}},
		{"a redirect", map[string]int{"nginx": 503, "caddy": 307, "haproxy": 503, "envoy": 307},
			func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "/public/x", http.StatusTemporaryRedirect)
			}},
	} {
		t.Run(failure.name, func(t *testing.T) {
			t.Parallel()
			eachProduct(t, func(t *testing.T, p product) {
				sessiond := freeport.Address(t, "127.0.0.1") // without a listener
				if failure.handler != nil {
					sessiond = startUpstream(t, failure.handler).addr()
				}
				application := startApplication(t)
				client := startClient(t, p, sessiond, application.addr())
				for method, text := range map[string]string{
					"GET": request("GET", "/app/x", "", "Authorization: Bearer x",
						"X-Session-Install-Id: forged", "X-Request-ID: mine-1"),
					"POST": request("POST", "/app/x", strings.Repeat("x", 1<<20),
						"Authorization: Bearer x"),
				} {
					answer := client.Exchange(t, method, text)
					application.assertNothing(t, method)
					assert.Equal(t, failure.status[p.example], answer.Status, "%s: %s", method,
						answer.Body)
					assert.Equal(t, []string{"*"},
						answer.Header.Values("Access-Control-Allow-Origin"), method)
					if (p.example == "nginx" || p.example == "haproxy") && method == "GET" {
						assert.Equal(t,
							`{"error":{"code":"service_unavailable","message":"Service unavailable; retry later","request_id":"mine-1"}}`, answer.Body)
						assert.Equal(t, []string{"mine-1"}, answer.Header.Values("X-Request-ID"))
						assert.Equal(t, "service_unavailable", answer.Header.Get("X-Error-Code"))
						assert.Equal(t, "1", answer.Header.Get("Retry-After"))
					}
				}
				answer := client.Send(t, "GET", "/public/x", "")
				assert.Equal(t, "the application", answer.Body,
					"public paths must not be affected")
			})
		})
	}
}

// TestHAProxyWithABrokenScriptDeniesAccess covers a script that fails. HAProxy then continues with
// the request, so its configuration requires what the script sets.
func TestHAProxyWithABrokenScriptDeniesAccess(t *testing.T) {
	t.Parallel()
	application := startApplication(t)
	const filter = "\ncore.register_filter('sessiond_body', {new = function(self) " +
		"return setmetatable({}, {__index = self}) end}, function(body) return body end)"
	for name, script := range map[string]string{
		"breaks off":   `core.register_action("verify_session", {"http-req"}, function(txn) error("no") end, 1)`,
		"does nothing": `core.register_action("verify_session", {"http-req"}, function(txn) end, 1)`,
	} {
		t.Run(name, func(t *testing.T) {
			server := startHAProxyWith(t, writeFile(t, "broken.lua", script+filter), application.addr(),
				application.addr())
			client := (&harness.Client{}).Through(t, server.Addr)
			answer := client.Exchange(t, "GET", request("GET", "/app/x", ""))
			assert.Equal(t, http.StatusServiceUnavailable, answer.Status)
			application.assertNothing(t, name)
		})
	}
}

// TestSuspendedServiceRecovers suspends and resumes the real service.
func TestSuspendedServiceRecovers(t *testing.T) {
	t.Parallel()
	eachProduct(t, func(t *testing.T, p product) {
		service, application := harness.Start(t, nil), startApplication(t)
		bearer := harness.Bearer(service.Token(t, installation))
		client := service.Through(t, p.start(t, service.Public, application.addr()).Addr)
		assert.Equal(t, http.StatusOK, client.Send(t, "GET", "/app/x", "", bearer).Status)
		require.Len(t, application.take(), 1)
		service.Hang(t)
		answer := client.Send(t, "GET", "/app/x", "", bearer)
		application.assertNothing(t, "while it hangs")
		assert.GreaterOrEqual(t, answer.Status, 500)
		service.Resume(t)
		// The proxy's own timeout may refuse a request once more while the process wakes up.
		harness.Poll(t, "the proxy uses the resumed service", func() bool {
			answer, err := client.Try("GET", "/app/x", "", bearer)
			return err == nil && answer.Status == http.StatusOK
		})
	})
}

// TestSubRequestHasNoBody shows that the sub-request has the credentials and an id, and neither the
// body nor its length.
func TestSubRequestHasNoBody(t *testing.T) {
	t.Parallel()
	eachProduct(t, func(t *testing.T, p product) {
		sessiond := startUpstream(t, func(w http.ResponseWriter, _ *http.Request) { session(w) })
		application := startApplication(t)
		client := startClient(t, p, sessiond.addr(), application.addr())
		for what, text := range map[string]string{
			"a body": request("POST", "/app/x?secret=1", "a body",
				"Authorization: Bearer x"),
			"a large body": request("PUT", "/app/x?secret=1", strings.Repeat("x", 5<<20),
				"Authorization: Bearer x"),
			"a chunked body": request("POST", "/app/x?secret=1", "", "Authorization: Bearer x",
				"Transfer-Encoding: chunked") + "3\r\nabc\r\n0\r\n\r\n",
		} {
			method, _, _ := strings.Cut(text, " ")
			assert.Equal(t, http.StatusOK, client.Exchange(t, method, text).Status, what)
			asked := sessiond.take()
			require.Len(t, asked, 1, what)
			if p.example == "envoy" {
				assert.Equal(t, method, asked[0].Method, what)
				assert.Equal(t, "/v1/sessions/verify/app/x", asked[0].Target, what)
			} else {
				assert.Equal(t, "GET", asked[0].Method, what)
				assert.Equal(t, "/v1/sessions/verify", asked[0].Target, what)
			}
			assert.Zero(t, asked[0].Body, what)
			assert.Zero(t, asked[0].Length, "%s: a body must not be announced", what)
			assert.Empty(t, asked[0].Encoding, what)
			assert.Equal(t, []string{"Bearer x"}, asked[0].Header.Values("Authorization"), what)
			requests := application.take()
			require.Len(t, requests, 1, what)
			assert.NotZero(t, requests[0].Body, what)
			assert.Equal(t, []string{"install-12345"}, requests[0].named("X-Session-Install-Id"),
				what)
		}
	})
}
