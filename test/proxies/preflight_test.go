package proxies_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// preflight is what a browser sends before a request that a page of another origin may not make
// without asking.
var preflight = []string{"Origin: https://page.example", "Access-Control-Request-Method: DELETE",
	"Access-Control-Request-Headers: authorization,{env.HOME}"}

// overrides returns headers by which an application may take a request for another one.
func overrides() []string {
	var lines []string
	for _, name := range []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override",
		"X_HTTP_Method_Override", "x.http.method.override", "X~HTTP~Method~Override",
		"X-HTTP_METHOD-Override", "X_Method_Override", "X-HTTPMethodOverride",
		"HTTP-Method-Override", "Method-Override", "_method", "X-Original-URL", "X-Rewrite-URL",
		"X_Original_URL", "X.Rewrite.URL", "X-Original-URI"} {
		lines = append(lines, name+": DELETE")
	}
	return lines
}

func TestPreflightsReachTheApplication(t *testing.T) {
	t.Parallel()
	eachProduct(t, func(t *testing.T, p product) {
		s := startSite(t, p, nil)
		for _, sent := range []struct {
			what, text string
		}{
			{"plain", request("OPTIONS", "/app/x?a=b", "", preflight...)},
			{"an invalid token", request("OPTIONS", "/app/x?a=b", "",
				append(slices.Clone(preflight), "Authorization: Bearer x")...)},
			{"forged headers and another method", request("OPTIONS", "/app/x?a=b", "",
				slices.Concat(preflight, forged(), overrides())...)},
			{"a body", request("OPTIONS", "/app/x?a=b", "_method=DELETE", append(slices.Clone(preflight),
				"Content-Type: application/x-www-form-urlencoded")...)},
			{"a body of no length", request("OPTIONS", "/app/x?a=b", "",
				append(slices.Clone(preflight), "Content-Length: 0")...)},
			{"a chunked body", request("OPTIONS", "/app/x?a=b", "", append(slices.Clone(preflight),
				"Transfer-Encoding: chunked")...) + "3\r\nabc\r\n0\r\n\r\n"},
			{"a large chunked body", request("OPTIONS", "/app/x?a=b", "",
				append(slices.Clone(preflight), "Transfer-Encoding: chunked")...) + "30000\r\n" +
				strings.Repeat("x", 0x30000) + "\r\n0\r\n\r\n"},
			{"a large body", request("OPTIONS", "/app/x?a=b", strings.Repeat("x", 200<<10),
				preflight...)},
		} {
			conn := s.client.Dial(t)
			conn.Send(t, sent.text)
			answer := conn.ReadResponse(t, "OPTIONS")
			requests := s.application.take()
			if sent.what == "forged headers and another method" &&
				answer.Status == http.StatusForbidden { // Envoy, because of Upgrade
				assert.Empty(t, requests)
				continue
			}
			if strings.HasPrefix(sent.what, "a large") && answer.Status != http.StatusOK {
				assert.Empty(t, requests) // nginx and HAProxy
				assert.Contains(t, []int{http.StatusUnauthorized,
					http.StatusRequestEntityTooLarge}, answer.Status)
				continue
			}
			require.Equal(t, http.StatusOK, answer.Status, "%s: %s", sent.what, answer.Body)
			require.Len(t, requests, 1, sent.what)
			received := requests[0]
			assert.Equal(t, "OPTIONS", received.Method, sent.what)
			assert.Equal(t, "/app/x?a=b", received.Target, sent.what)
			assert.Zero(t, received.Body, sent.what)
			assert.LessOrEqual(t, received.Length, int64(0), "%s: a body must not be announced",
				sent.what)
			assert.Equal(t, "example.test", received.Host, sent.what)
			for _, line := range preflight {
				name, value, _ := strings.Cut(line, ": ")
				assert.Equal(t, []string{value}, received.Header.Values(name), sent.what)
			}
			for _, line := range slices.Concat(forged(), overrides()) {
				name, _, _ := strings.Cut(line, ":")
				if name != "Connection" {
					assert.Empty(t, received.named(name), "%s: %s", sent.what, name)
				}
			}
			assert.Empty(t, received.Header.Values("Upgrade"), sent.what)
			assert.NotEmpty(t, received.Header.Values("X-Forwarded-For"), sent.what)
			// The application sees the next request of the same connection as it is.
			conn.Send(t, request("GET", "/app/x", "", "Authorization: Bearer "+s.token))
			s.assertAdmitted(t, conn.ReadResponse(t, "GET"), "after "+sent.what)
		}
	})
}

// TestOnlyPreflightsPass shows that what is nearly a preflight needs a session.
func TestOnlyPreflightsPass(t *testing.T) {
	t.Parallel()
	eachProduct(t, func(t *testing.T, p product) {
		s := startSite(t, p, nil)
		origin, method := preflight[0], preflight[1]
		for _, sent := range []struct {
			what, method string
			headers      []string
		}{
			{"no Origin", "OPTIONS", []string{method}},
			{"no method", "OPTIONS", []string{origin}},
			{"an empty Origin", "OPTIONS", []string{"Origin:", method}},
			{"an empty method", "OPTIONS", []string{origin, "Access-Control-Request-Method: "}},
			{"names with underscores", "OPTIONS", []string{origin,
				"Access_Control_Request_Method: GET"}},
			{"another method", "GET", preflight},
			{"another method that is overridden", "POST", append(slices.Clone(preflight),
				"X-HTTP-Method-Override: OPTIONS")},
			{"another case", "options", preflight},
			{"a longer method", "OPTIONSX", preflight},
		} {
			answer := s.client.Exchange(t, sent.method, request(sent.method, "/app/x", "",
				sent.headers...))
			s.application.assertNothing(t, sent.what)
			assert.Contains(t, []int{http.StatusUnauthorized, http.StatusBadRequest,
				http.StatusNotImplemented}, answer.Status, "%s: %s", sent.what, answer.Body)
		}
		answer := s.client.Exchange(t, "GET", request("GET", "/app/x", "",
			append(slices.Clone(preflight), "Upgrade: websocket")...))
		s.assertRefused(t, answer, "unauthorized", "a page of another origin")
		assert.Contains(t, answer.Header.Get("Access-Control-Expose-Headers"), "X-Error-Code")
		// A tunnel that a preflight opened would let further requests pass.
		conn := s.client.Dial(t)
		conn.Send(t, request("OPTIONS", "/app/x", "", slices.Concat(preflight, handshake,
			[]string{"Upgrade: websocket"})...))
		assert.NotEqual(t, http.StatusSwitchingProtocols, conn.ReadHeader(t, "OPTIONS").Status)
		for _, received := range s.application.take() {
			assert.Empty(t, received.Header.Values("Upgrade"))
		}
	})
}
