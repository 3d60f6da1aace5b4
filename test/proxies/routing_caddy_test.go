package proxies_test

import (
	"testing"

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
			assertRoutes(t, service.Through(t, server.Addr).From(t, "127.0.0.2"), backend)
		})
	}
}
