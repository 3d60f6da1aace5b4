package proxies_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/proxy"
)

// site is an application behind a proxy that uses the real service.
type site struct {
	service     *harness.InProcess
	application *upstream
	proxy       *proxy.Server
	client      *harness.Client // of the proxy
	token       string          // of a session of that installation
}

// installation is the install id of a site's token, and encoded is its form in the header for the
// application.
const (
	installation = "install-ключ-1"
	encoded      = "install-%D0%BA%D0%BB%D1%8E%D1%87-1"
)

func startSite(t *testing.T, p product, env harness.Env) *site {
	t.Helper()
	s := &site{service: harness.Serve(t, harness.Env{"OFFLOAD_TRUSTED_PROXIES": "127.0.0.1"}.With(env)),
		application: startApplication(t)}
	s.token = s.service.Token(t, installation)
	s.proxy = p.start(t, s.service.Public, s.application.addr())
	s.client = s.service.Through(t, s.proxy.Addr)
	return s
}

// request returns the text of a request, with a Content-Length if it has a body.
func request(method, target, body string, headers ...string) string {
	text := method + " " + target + " HTTP/1.1\r\nHost: example.test\r\n"
	if body != "" {
		headers = append(headers, fmt.Sprintf("Content-Length: %d", len(body)))
	}
	for _, header := range headers {
		text += header + "\r\n"
	}
	return text + "\r\n" + body
}

// assertAdmitted fails unless the application has received one request, with the headers of the
// session and no other headers that could be taken for them.
func (s *site) assertAdmitted(t *testing.T, answer harness.Response, what string) seen {
	t.Helper()
	assert.Equal(t, http.StatusOK, answer.Status, "%s: %s", what, answer.Body)
	requests := s.application.take()
	require.Len(t, requests, 1, what)
	for name, value := range map[string]string{
		"X-Session-Install-Id": encoded, "X-Session-Expires-At": "2026-02-16T13:00:00Z",
		"X-Session-Key-Id": "v2-default", "X-Session-Binding": "none",
	} {
		assert.Equal(t, []string{value}, requests[0].named(name), "%s: %s", what, name)
	}
	return requests[0]
}

// refusals maps the codes of the refusals of a protected path to their contents.
var refusals = map[string]struct{ code, message, authenticate string }{
	"unauthorized": {"unauthorized", "Missing bearer token", `Bearer realm="offload"`},
	"invalid_token": {"invalid_token", "Invalid session token",
		`Bearer realm="offload", error="invalid_token"`},
	"expired_token": {"expired_token", "Session token expired",
		`Bearer realm="offload", error="invalid_token", error_description="expired"`},
	"invalid_proof": {"invalid_proof", "Invalid proof of possession",
		`DPoP error="invalid_dpop_proof", algs="ES256 EdDSA"`},
	"proof_nonce_required": {"proof_nonce_required", "Proof needs a nonce",
		`DPoP error="use_dpop_nonce", algs="ES256 EdDSA"`},
}

// assertRefused fails unless the response is the complete 401 of the contract with that code, and
// the application has received nothing.
func (s *site) assertRefused(t *testing.T, answer harness.Response, code, what string) {
	t.Helper()
	s.application.assertNothing(t, what)
	refusal := refusals[code]
	require.Equal(t, http.StatusUnauthorized, answer.Status, "%s: %s", what, answer.Body)
	challenges := slices.DeleteFunc(answer.Header.Values("WWW-Authenticate"), func(line string) bool {
		return line == bindingChallenge // see TestBoundSessionsAreRefusedWithoutTheirProof
	})
	assert.Equal(t, []string{refusal.authenticate}, challenges, what)
	assert.Equal(t, []string{code}, answer.Header.Values("X-Error-Code"), what)
	assert.Equal(t, []string{"no-store"}, answer.Header.Values("Cache-Control"), what)
	assert.Equal(t, []string{"application/json"}, answer.Header.Values("Content-Type"), what)
	assert.Equal(t, []string{"*"}, answer.Header.Values("Access-Control-Allow-Origin"), what)
	ids := answer.Header.Values("X-Request-ID")
	require.Len(t, ids, 1, what)
	assert.NotEmpty(t, ids[0], what)
	assert.Equal(t, fmt.Sprintf(`{"error":{"code":%q,"message":%q,"request_id":%q}}`, code,
		refusal.message, ids[0]), answer.Body, what)
}

func TestValidSessionsReachTheApplication(t *testing.T) {
	t.Parallel()
	eachProduct(t, func(t *testing.T, p product) {
		s := startSite(t, p, nil)
		bearer := "Authorization: Bearer " + s.token
		t.Run("any method and body", func(t *testing.T) {
			for _, sent := range []struct {
				what, method, text string
				body               int64
			}{
				{"GET", "GET", request("GET", "/app/x", "", bearer), 0},
				{"HEAD", "HEAD", request("HEAD", "/app/x", "", bearer), 0},
				{"OPTIONS", "OPTIONS", request("OPTIONS", "/app/x", "", bearer), 0},
				{"DELETE", "DELETE", request("DELETE", "/app/x", "", bearer), 0},
				{"PROPFIND", "PROPFIND", request("PROPFIND", "/app/x", "", bearer), 0},
				{"POST", "POST", request("POST", "/app/x", "a body", bearer), 6},
				{"an empty POST", "POST", request("POST", "/app/x", "", bearer,
					"Content-Length: 0"), 0},
				{"a large POST", "POST", request("POST", "/app/x", strings.Repeat("x", 5<<20),
					bearer), 5 << 20},
				{"a chunked POST", "POST", request("POST", "/app/x", "", bearer,
					"Transfer-Encoding: chunked") + "3\r\nabc\r\n5\r\ndefgh\r\n0\r\n\r\n", 8},
			} {
				seen := s.assertAdmitted(t, s.client.Exchange(t, sent.method, sent.text), sent.what)
				assert.Equal(t, sent.method, seen.Method, sent.what)
				assert.Equal(t, sent.body, seen.Body, sent.what)
			}
		})
		t.Run("a body that is announced and expected", func(t *testing.T) {
			conn := s.client.Dial(t)
			conn.Send(t, request("POST", "/app/x", "", bearer, "Content-Length: 5",
				"Expect: 100-continue"))
			go conn.Send(t, "hello")
			answer := conn.ReadResponse(t, "POST")
			for answer.Status == http.StatusContinue {
				answer = conn.ReadResponse(t, "POST")
			}
			assert.EqualValues(t, 5, s.assertAdmitted(t, answer, "expected").Body)
		})
		t.Run("WebSocket", func(t *testing.T) {
			for _, upgrade := range []string{"websocket", "WebSocket"} {
				conn := s.client.Dial(t)
				conn.Send(t, request("GET", "/app/x", "",
					append([]string{bearer, "Upgrade: " + upgrade}, handshake...)...))
				answer := conn.ReadHeader(t, "GET")
				require.Equal(t, http.StatusSwitchingProtocols, answer.Status)
				conn.Send(t, "over and over\n")
				assert.Equal(t, "over and over\n", conn.ReadToEnd(t))
				require.Len(t, s.application.take(), 1)
			}
		})
		t.Run("no other protocol, whose requests would not be checked",
			func(t *testing.T) {
				for _, upgrade := range [][]string{
					{"Upgrade: h2c"}, {"Upgrade: H2C", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"},
					{"Upgrade: echo"}, {"Upgrade: h2c, websocket"},
					{"Upgrade: h2c", "Upgrade: websocket"},
					{"Upgrade: websocket", "Upgrade: h2c"}, {"Upgrade: TLS/1.2"},
				} {
					for _, target := range []string{"/app/x", "/public/x"} {
						what := strings.Join(upgrade, ", ") + " on " + target
						conn := s.client.Dial(t)
						conn.Send(t, request("GET", target, "",
							append(append(upgrade, handshake...), bearer,
								"Connection: HTTP2-Settings")...))
						answer := conn.ReadHeader(t, "GET")
						requests := s.application.take()
						if answer.Status == http.StatusForbidden && len(requests) == 0 {
							continue // Envoy refuses it
						}
						require.Len(t, requests, 1, what)
						for _, passed := range requests[0].Header.Values("Upgrade") {
							assert.Equal(t, "websocket", passed, what)
						}
					}
				}
			})
		t.Run("the request id is the same everywhere", func(t *testing.T) {
			for given, kept := range map[string]bool{"A.b_c-1": true,
				strings.Repeat("x", 128): true, strings.Repeat("x", 129): false, "a b": false,
				`a"b`: false, "": false} {
				answer := s.client.Exchange(t, "GET",
					request("GET", "/app/x", "", bearer, "X-Request-ID: "+given))
				seen := s.assertAdmitted(t, answer, given)
				ids := seen.Header.Values("X-Request-ID")
				require.Len(t, ids, 1, given)
				assert.NotEmpty(t, ids[0])
				assert.Equal(t, kept && !p.ownID, ids[0] == given, "%q became %q", given, ids[0])
			}
		})
	})
}

// TestWithoutAHost shows that an HTTP/1.0 request without a Host works, both the sub-request and
// the one to the application.
func TestWithoutAHost(t *testing.T) {
	t.Parallel()
	eachProduct(t, func(t *testing.T, p product) {
		s := startSite(t, p, nil)
		send := func(target string, headers ...string) harness.Response {
			return s.client.Exchange(t, "GET",
				strings.Join(append([]string{"GET " + target + " HTTP/1.0"}, headers...), "\r\n")+
					"\r\n\r\n")
		}
		bearer := "Authorization: Bearer " + s.token
		s.assertAdmitted(t, send("/app/x", bearer), "a session")
		s.assertRefused(t, send("/app/x"), "unauthorized", "no session")
		s.assertRefused(t, send("/app/x", bearer+"x"), "invalid_token", "another's session")
		assert.Equal(t, http.StatusOK, send("/v1/health").Status)
		assert.Equal(t, http.StatusOK, send("/v1/sessions/current", bearer).Status)
	})
}

// forged returns headers with which a client might impersonate another installation.
func forged() []string {
	var lines []string
	for _, name := range []string{
		"X-Session-Install-Id", "x-session-install-id", "X-SESSION-INSTALL-ID",
		"X-Session-Install-Id", "X_Session_Install_Id", "x_session_install_id",
		"X_SESSION_INSTALL_ID",
		"X-Session_Install-Id", "X_Session-Install_Id", "X.Session.Install.Id",
		"X-Session.Install_Id", "X~Session~Install~Id", "X!Session-Install-Id",
		"X#Session-Install-Id",
		"X$Session-Install-Id", "X%Session-Install-Id", "X&Session-Install-Id",
		"X'Session-Install-Id", "X+Session-Install-Id", "X^Session-Install-Id",
		"X|Session-Install-Id",
		"X`Session-Install-Id", "X*Session-Install-Id",
		"X-Session-Expires-At", "X_Session_Expires_At", "X-Session-Key-Id", "x_session_key_id",
		"X-Session-Binding", "X_Session_Binding", "X.Session.Binding", "X~Session-Binding",
	} {
		lines = append(lines, name+": forged")
	}
	// A proxy that honors these removes the session's headers (RFC 9110 §7.6.1).
	return append(lines, "Connection: X-Session-Install-Id, X-Session-Expires-At",
		"Connection: keep-alive, x-session-key-id", "Connection: Upgrade, X-Session-Install-Id")
}

func TestForgedHeadersDoNotReachTheApplication(t *testing.T) {
	t.Parallel()
	eachProduct(t, func(t *testing.T, p product) {
		s := startSite(t, p, nil)
		bearer := "Authorization: Bearer " + s.token
		one := func(lines []string) [][]string {
			var each [][]string
			for _, line := range lines {
				each = append(each, []string{line}, []string{line, line})
			}
			return append(each, lines)
		}
		for _, lines := range one(forged()) {
			what := strings.Join(lines, ", ")
			s.assertAdmitted(t, s.client.Exchange(t, "GET",
				request("GET", "/app/x", "", append(lines, bearer)...)), what)
			s.assertRefused(t, s.client.Exchange(t, "GET", request("GET", "/app/x", "", lines...)),
				"unauthorized", what)
			answer := s.client.Exchange(t, "GET",
				request("GET", "/public/x", "", append(lines, bearer)...))
			assert.Equal(t, http.StatusOK, answer.Status, what)
			requests := s.application.take()
			require.Len(t, requests, 1, what)
			for _, name := range []string{"X-Session-Install-Id", "X-Session-Expires-At",
				"X-Session-Key-Id", "X-Session-Binding"} {
				assert.Empty(t, requests[0].named(name), "without a session: %s", what)
			}
		}
	})
}

func TestRequestsWithoutASessionAreRefused(t *testing.T) {
	t.Parallel()
	eachProduct(t, func(t *testing.T, p product) {
		s := startSite(t, p, nil)
		bearer := "Authorization: Bearer " + s.token
		refused := func(t *testing.T, bearer string, code string) {
			headers := []string{}
			if bearer != "" {
				headers = append(headers, bearer)
			}
			for _, sent := range []struct{ what, method, text string }{
				{"GET", "GET", request("GET", "/app/x?secret=1", "", headers...)},
				{"an id of its own", "GET", request("GET", "/app/x", "",
					append(headers, "X-Request-ID: mine-1")...)},
				{"DELETE", "DELETE", request("DELETE", "/app/x", "", headers...)},
				{"POST", "POST", request("POST", "/app/x", "a body", headers...)},
				{"a chunked POST", "POST", request("POST", "/app/x", "",
					append(headers, "Transfer-Encoding: chunked")...) + "3\r\nabc\r\n0\r\n\r\n"},
				{"a large POST", "POST", request("POST", "/app/x", strings.Repeat("x", 5<<20),
					headers...)},
				{"a body that is expected", "POST",
					request("POST", "/app/x", "",
						append(headers, "Content-Length: 5", "Expect: 100-continue")...)},
				{"WebSocket", "GET", request("GET", "/app/x", "",
					append(append(headers, "Upgrade: websocket"), handshake...)...)},
			} {
				conn := s.client.Dial(t)
				conn.Send(t, sent.text)
				answer := conn.ReadResponse(t, sent.method)
				if answer.Status == http.StatusContinue { // Envoy's own
					answer = conn.ReadResponse(t, sent.method)
				}
				s.assertRefused(t, answer, code, sent.what)
				if sent.what == "an id of its own" && !p.ownID {
					assert.Equal(t, "mine-1", answer.Header.Get("X-Request-ID"))
				}
			}
			answer := s.client.Exchange(t, "HEAD", request("HEAD", "/app/x", "", headers...))
			s.application.assertNothing(t, "HEAD")
			assert.Equal(t, http.StatusUnauthorized, answer.Status)
			assert.Equal(t, refusals[code].authenticate, answer.Header.Get("WWW-Authenticate"))
			assert.Equal(t, code, answer.Header.Get("X-Error-Code"))
			assert.Empty(t, answer.Body)
		}
		t.Run("missing", func(t *testing.T) { refused(t, "", "unauthorized") })
		t.Run("another scheme", func(t *testing.T) {
			refused(t, "Authorization: Basic eDp5", "unauthorized")
		})
		t.Run("no token after the scheme", func(t *testing.T) {
			refused(t, "Authorization: Bearer", "unauthorized")
		})
		t.Run("invalid", func(t *testing.T) { refused(t, bearer+"x", "invalid_token") })
		t.Run("text after the token", func(t *testing.T) {
			refused(t, bearer+" "+s.token, "invalid_token")
		})
		t.Run("twice", func(t *testing.T) {
			for what, headers := range map[string][]string{
				"the same":                  {bearer, bearer},
				"another after it":          {bearer, "Authorization: Bearer x"},
				"another before it":         {"Authorization: Bearer x", bearer},
				"another scheme":            {"Authorization: Basic eDp5", bearer},
				"an empty header before it": {"Authorization:", bearer},
				"an empty header after it":  {bearer, "Authorization:"},
				"in another case":           {bearer, "authorization: Bearer x"},
				"after a valid header":      {bearer, "AUTHORIZATION: " + bearer[len("Authorization: "):]},
				"three times":               {bearer, bearer, bearer},
				"in a list":                 {bearer + ", Bearer x"},
			} {
				if p.example == "envoy" && strings.HasPrefix(what, "an empty header") {
					continue // which it drops
				}
				answer := s.client.Exchange(t, "GET", request("GET", "/app/x", "", headers...))
				s.application.assertNothing(t, what)
				if answer.Status != http.StatusBadRequest { // nginx rejects a second Authorization
					assert.Equal(t, http.StatusUnauthorized, answer.Status, what)
				}
			}
		})
		t.Run("expired", func(t *testing.T) {
			s.service.Clock.Advance(time.Hour)
			refused(t, bearer, "expired_token")
		})
	})
}
