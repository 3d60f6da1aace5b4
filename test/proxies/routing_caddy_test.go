package proxies_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/proxy"
)

// TestRoutingWithCaddy is TestRouting with the example for Caddy.
func TestRoutingWithCaddy(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(testing.TB, string, func(string) (string, []string),
	) *proxy.Server{"caddy": proxy.StartCaddy, "newer caddy": proxy.StartNewCaddy} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			service, backend := harness.Serve(t, harness.Env{
				"OFFLOAD_TRUSTED_PROXIES":            "127.0.0.1",
				"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP": "1"}), startApplication(t)
			server := start(t, "127.0.0.1", func(addr string) (string, []string) {
				return deployed(t, "caddy/routing.Caddyfile"), []string{"PUBLIC_ADDR=http://" + addr,
					"PUBLIC_BIND=127.0.0.1", "SESSIOND_ADDR=" + service.Public,
					"BACKEND_ADDR=" + backend.addr(), "CADDY_ADMIN=off"}
			})
			client := service.Through(t, server.Addr).From(t, "127.0.0.2")
			token := client.Token(t, installation)
			backend.assertNothing(t, "a session is the service's")
			assert.Equal(t, http.StatusTooManyRequests, client.Issue(t, "install-00000002",
				harness.ForwardedFor("198.51.100.1")).Status, "the client's address counts")
			for _, target := range []string{"/", "/v1/sessions/current", "/v1/sessions/anonymous/x",
				"/v1/sessions/anonymousx", "/v1/sessions/verify", "/app/x?a=b"} {
				answer := client.Send(t, "GET", target, "", harness.Bearer(token))
				assert.Equal(t, "the application", answer.Body, target)
				requests := backend.take()
				require.Len(t, requests, 1, target)
				assert.Equal(t, target, requests[0].Target)
				assert.Equal(t, []string{"Bearer " + token},
					requests[0].Header.Values("Authorization"))
			}
		})
	}
}
