package proxies_test

import (
	"strings"
	"testing"

	"github.com/offload/sessiond/test/harness/proxy"
)

// hop starts a proxy on host that passes everything on to next, and says whom it has it from.
// trusted are proxies before it.
type hop func(t testing.TB, host, next string, trusted ...string) *proxy.Server

// nginxHop adds the peer to X-Forwarded-For.
func nginxHop(t testing.TB, host, next string, _ ...string) *proxy.Server {
	t.Helper()
	return nginxWith(t, host, next, "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;")
}

// nginxWith is nginx with lines of configuration of the test's own.
func nginxWith(t testing.TB, host, next, lines string) *proxy.Server {
	t.Helper()
	return proxy.StartNginx(t, host, func(addr string) string {
		return "upstream next { server " + next + "; keepalive 8; }\nserver {\nlisten " + addr +
			";\nproxy_http_version 1.1;\nproxy_set_header Connection \"\";\n" +
			lines + "\nlocation / { proxy_pass http://next; }\n}"
	})
}

// caddyHop adds the peer to X-Forwarded-For where it trusts who was before it, and otherwise begins
// anew.
func caddyHop(t testing.TB, host, next string, trusted ...string) *proxy.Server {
	t.Helper()
	trust := ""
	if len(trusted) > 0 {
		trust = "trusted_proxies " + strings.Join(trusted, " ")
	}
	return proxy.StartCaddy(t, host, func(addr string) (string, []string) {
		return "{\nadmin off\n}\nhttp://" + addr[strings.LastIndex(addr, ":"):] + " {\nbind " +
			host + "\nreverse_proxy " + next + " {\n" + trust + "\n}\n}\n", nil
	})
}

// haproxyHop adds a line of X-Forwarded-For with the peer, and takes away the client's Connection.
func haproxyHop(t testing.TB, host, next string, _ ...string) *proxy.Server {
	t.Helper()
	return haproxyWith(t, host, next, "option forwardfor\nhttp-request del-header Connection", "")
}

// haproxyWith is HAProxy with lines and server options of the test's own.
func haproxyWith(t testing.TB, host, next, lines, server string) *proxy.Server {
	t.Helper()
	return proxy.StartHAProxy(t, host, func(addr string) (string, []string) {
		return "defaults\nmode http\ntimeout connect 1m\ntimeout client 1m\ntimeout server 1m\nlisten hop\nbind " + addr + "\n" + lines + "\nserver next " + next + " " + server + "\n", nil
	})
}
