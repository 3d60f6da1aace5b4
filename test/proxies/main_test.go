// Package proxies_test tests the service behind real reverse proxies, with the configurations in
// cmd/sessiond/deploy that operators copy. nginx, Caddy (Debian's and a newer one), HAProxy and
// Envoy are run; the requests of Traefik, which no package registry has, are replayed.
package proxies_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/proxy"
)

// TestMain fails if something that a test started has left a goroutine running.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// deployed returns the text of an example file, as an operator copies it.
func deployed(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(path(name))
	require.NoError(t, err)
	return string(text)
}

func path(name string) string {
	absolute, err := filepath.Abs(filepath.Join("..", "..", "cmd", "sessiond", "deploy", name))
	if err != nil {
		panic(err)
	}
	return absolute
}

// replaced returns text with each old string replaced by the new one after it. Each old string must
// occur once, as the head of the example says.
func replaced(t testing.TB, text string, oldAndNew ...string) string {
	t.Helper()
	for i := 0; i < len(oldAndNew); i += 2 {
		require.Equal(t, 1, strings.Count(text, "\n"+oldAndNew[i])+
			strings.Count(text, "\t"+oldAndNew[i]), "%s", oldAndNew[i])
		text = strings.NewReplacer("\n"+oldAndNew[i], "\n"+oldAndNew[i+1], "\t"+oldAndNew[i],
			"\t"+oldAndNew[i+1]).Replace(text)
	}
	return text
}

// product is a proxy that can be run here, with its example.
type product struct {
	name string
	// example is the folder of its example.
	example string
	// ownID means that the proxy makes every request id itself, whatever a client sends.
	ownID bool
	// plainHTTP2 means that the proxy accepts HTTP/2 on its plain port.
	plainHTTP2 bool
	// start starts the proxy in front of a service and an application, given by their addresses.
	start func(t testing.TB, sessiond, application string) *proxy.Server
}

// products lists the proxies that can be run here.
var products = []product{
	{name: "nginx", example: "nginx", start: startNginx},
	{name: "caddy", example: "caddy", start: startCaddy},
	{name: "newer caddy", example: "caddy", start: startNewCaddy},
	{name: "haproxy", example: "haproxy", plainHTTP2: true, start: startHAProxy},
	{name: "envoy", example: "envoy", ownID: true, plainHTTP2: true, start: startEnvoy},
}

func startNginx(t testing.TB, sessiond, application string) *proxy.Server {
	t.Helper()
	return proxy.StartNginx(t, "127.0.0.1", func(addr string) string {
		return replaced(t, deployed(t, "nginx/sessiond.conf"),
			"server 127.0.0.1:8080;", "server "+sessiond+";", "server 127.0.0.1:3000;",
			"server "+application+";", "listen 80;", "listen "+addr+";")
	})
}

func startCaddy(t testing.TB, sessiond, application string) *proxy.Server {
	t.Helper()
	return proxy.StartCaddy(t, "127.0.0.1", caddyExample(t, sessiond, application))
}

func startNewCaddy(t testing.TB, sessiond, application string) *proxy.Server {
	t.Helper()
	return proxy.StartNewCaddy(t, "127.0.0.1", caddyExample(t, sessiond, application))
}

// caddyExample returns the example and its variables, for a listen address.
func caddyExample(t testing.TB, sessiond, application string) func(string) (string, []string) {
	return func(addr string) (string, []string) {
		_, port, _ := strings.Cut(addr, ":")
		return deployed(t, "caddy/Caddyfile"), []string{
			"CADDY_ADMIN=off", "PUBLIC_ADDR=http://:" + port,
			"PUBLIC_BIND=127.0.0.1",
			"SESSIOND_ADDR=" + sessiond, "APPLICATION_ADDR=" + application,
			"VERIFY_SOCKET=@sessiond-test-verify-" + port,
			"PREFLIGHT_SOCKET=@sessiond-test-preflight-" + port,
		}
	}
}

func startEnvoy(t testing.TB, sessiond, application string) *proxy.Server {
	t.Helper()
	return startEnvoyWith(t, deployed(t, "envoy/envoy.yaml"), sessiond, application)
}

// startEnvoyWith starts Envoy with a changed example.
func startEnvoyWith(t testing.TB, example, sessiond, application string) *proxy.Server {
	t.Helper()
	return proxy.StartEnvoy(t, "127.0.0.1", func(addr string) string {
		return strings.NewReplacer(socket("0.0.0.0:80"), socket(addr),
			socket("127.0.0.1:8080"), socket(sessiond),
			socket("127.0.0.1:3000"), socket(application)).Replace(example)
	})
}

// socket returns an address as the Envoy example writes it.
func socket(addr string) string {
	host, port, _ := strings.Cut(addr, ":")
	return "{socket_address: {address: " + host + ", port_value: " + port + "}}"
}

func startHAProxy(t testing.TB, sessiond, application string) *proxy.Server {
	t.Helper()
	return startHAProxyWith(t, path("haproxy/sessiond.lua"), sessiond, application)
}

// startHAProxyWith starts HAProxy with another script.
func startHAProxyWith(t testing.TB, script, sessiond, application string) *proxy.Server {
	t.Helper()
	return proxy.StartHAProxy(t, "127.0.0.1", func(addr string) (string, []string) {
		return deployed(t, "haproxy/haproxy.cfg"), []string{
			"PUBLIC_ADDR=" + addr, "SESSIOND_ADDR=" + sessiond, "APPLICATION_ADDR=" + application,
			"SESSIOND_LUA=" + script, "SESSIOND_SOCKET=abns@sessiond-test-" + addr,
		}
	})
}

// eachProduct runs a test with each product, in parallel.
func eachProduct(t *testing.T, test func(t *testing.T, p product)) {
	for _, p := range products {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			test(t, p)
		})
	}
}

// startClient starts a product in front of upstreams, and returns a client of it.
func startClient(t *testing.T, p product, sessiond, application string) *harness.Client {
	t.Helper()
	return (&harness.Client{}).Through(t, p.start(t, sessiond, application).Addr)
}

// writeFile creates a file that is removed at the end of the test, and returns its path.
func writeFile(t testing.TB, name, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	return file
}
