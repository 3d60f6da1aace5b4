package proxies_test

import (
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/proxy"
)

// balancer starts HAProxy at layer 4: it forwards bytes, after a PROXY protocol header.
func balancer(t testing.TB, host, next, send string) *proxy.Server {
	t.Helper()
	return haproxyWith(t, host, next, "mode tcp", send)
}

// protocol returns an environment with the PROXY protocol enabled.
func protocol(more harness.Env) harness.Env {
	return harness.Env{"OFFLOAD_PROXY_PROTOCOL": "true"}.With(more)
}

func TestClientAddressThroughThePROXYProtocol(t *testing.T) {
	t.Parallel()
	for _, send := range []string{"send-proxy", "send-proxy-v2"} {
		t.Run(send, func(t *testing.T) {
			t.Parallel()
			w := through(t, protocol(nil), func(sessiond string) *proxy.Server {
				return balancer(t, "127.0.0.1", sessiond, send)
			})
			w.assertWhoCounts(t)
		})
		t.Run(send+", behind an HTTP proxy", func(t *testing.T) {
			t.Parallel()
			// The protocol names nginx, which is trusted, and nginx the client.
			w := through(t, protocol(nil), func(sessiond string) *proxy.Server {
				return nginxHop(t, "127.0.0.1", balancer(t, "127.0.0.1", sessiond, send).Addr)
			})
			w.assertWhoCounts(t)
		})
		t.Run(send+", from an HTTP proxy", func(t *testing.T) {
			t.Parallel()
			w := through(t, protocol(nil), func(sessiond string) *proxy.Server {
				// Each client needs a connection of its own, or the protocol would only name the
				// first one.
				return haproxyWith(t, "127.0.0.1", sessiond, "http-reuse never\noption forwardfor",
					send)
			})
			w.assertWhoCounts(t)
		})
		t.Run(send+", IPv6 clients", func(t *testing.T) {
			t.Parallel()
			w := through(t, protocol(nil), func(sessiond string) *proxy.Server {
				return balancer(t, "::1", sessiond, send)
			})
			w.assertGranted(t, w.issue(t, "::1"), "the first")
			for _, headers := range spoofs("2001:db8::1") {
				w.assertSame(t, w.issue(t, "::1", headers...), strings.Join(headers, ", "))
			}
		})
		t.Run(send+", IPv6 balancer", func(t *testing.T) {
			t.Parallel()
			w := through(t, protocol(harness.Env{"OFFLOAD_HTTP_ADDR": "[::1]:0",
				"OFFLOAD_TRUSTED_PROXIES": "::1"}), func(sessiond string) *proxy.Server {
				return balancer(t, "127.0.0.1", sessiond, send)
			})
			w.assertWhoCounts(t)
		})
	}
}

// TestABalancersOwnConnections shows that the balancer's own address counts on connections that it
// makes itself, for example for health checks: v1 UNKNOWN, v2 LOCAL.
func TestABalancersOwnConnections(t *testing.T) {
	t.Parallel()
	local, err := hex.DecodeString("0d0a0d0a000d0a515549540a20000000")
	require.NoError(t, err)
	for name, header := range map[string]string{"v1": "PROXY UNKNOWN\r\n", "v2": string(local)} {
		t.Run(name, func(t *testing.T) {
			service := harness.Serve(t, protocol(harness.Env{"OFFLOAD_TRUSTED_PROXIES": "127.0.0.1",
				"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP": "1"}))
			exchange := func(method, text string) harness.Response {
				conn := service.Dial(t)
				conn.SendProxyHeader(t, header)
				conn.Send(t, text)
				return conn.ReadResponse(t, method)
			}
			assert.Equal(t, http.StatusOK, exchange("GET", request("GET", "/v1/health", "")).Status)
			issue := func(id string) harness.Response {
				return exchange("POST", request("POST", harness.IssuePath, harness.IssueBody(id),
					"Content-Type: application/json"))
			}
			assert.Equal(t, http.StatusOK, issue("install-00000001").Status)
			assert.Equal(t, http.StatusTooManyRequests, issue("install-00000002").Status)
		})
	}
}

func TestPROXYProtocolViolations(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, protocol(harness.Env{"OFFLOAD_TRUSTED_PROXIES": "127.0.0.1",
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP": "1"}))
	stranger := service.From(t, "127.0.0.9")
	t.Run("a trusted peer without the header is refused", func(t *testing.T) {
		for what, text := range map[string]string{
			"none":      request("GET", "/v1/health", ""),
			"a bad one": "PROXY TCP4 198.51.100.1\r\n" + request("GET", "/v1/health", ""),
			"a bad family": "PROXY TCP5 198.51.100.1 198.51.100.2 1 2\r\n" +
				request("GET", "/v1/health", ""),
		} {
			conn := service.Dial(t)
			conn.Send(t, text)
			answer, err := conn.TryReadResponse("GET")
			assert.True(t, err != nil || answer.Status == http.StatusBadRequest, "%s: %d", what,
				answer.Status)
		}
	})
	t.Run("the header of an untrusted peer is not accepted", func(t *testing.T) {
		conn := stranger.Dial(t)
		conn.Send(t, "PROXY TCP4 198.51.100.1 198.51.100.2 1 2\r\n"+request("GET", "/v1/health",
			""))
		answer, err := conn.TryReadResponse("GET")
		assert.True(t, err != nil || answer.Status == http.StatusBadRequest, "%d", answer.Status)
	})
	t.Run("an untrusted peer without it is served", func(t *testing.T) {
		assert.Equal(t, http.StatusOK, stranger.Exchange(t, "GET",
			request("GET", "/v1/health", "")).Status)
		assert.Equal(t, http.StatusOK, stranger.Issue(t, "install-00000003").Status)
		assert.Equal(t, http.StatusTooManyRequests,
			stranger.Issue(t, "install-00000004", harness.ForwardedFor("198.51.100.1")).Status)
	})
	t.Run("a slow header does not delay other connections", func(t *testing.T) {
		service.Dial(t) // and sends nothing
		assert.Equal(t, http.StatusOK, stranger.Exchange(t, "GET",
			request("GET", "/v1/health", "")).Status)
	})
}
