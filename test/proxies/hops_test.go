package proxies_test

import (
	"strings"
	"testing"

	"github.com/offload/sessiond/test/harness/proxy"
)

// hop starts a proxy on host that forwards everything to next and adds the address of its peer.
// trusted lists the proxies in front of it.
type hop func(t testing.TB, host, next string, trusted ...string) *proxy.Server

// nginxHop adds the peer to X-Forwarded-For.
func nginxHop(t testing.TB, host, next string, _ ...string) *proxy.Server {
	t.Helper()
	return nginxWith(t, host, next, "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;")
}

// nginxWith starts nginx with additional configuration lines.
func nginxWith(t testing.TB, host, next, lines string) *proxy.Server {
	t.Helper()
	return proxy.StartNginx(t, host, func(addr string) string {
		return "upstream next { server " + next + "; keepalive 8; }\nserver {\nlisten " + addr +
			";\nproxy_http_version 1.1;\nproxy_set_header Connection \"\";\n" +
			lines + "\nlocation / { proxy_pass http://next; }\n}"
	})
}

// caddyHop adds the peer to X-Forwarded-For if it trusts the peer, and replaces the header
// otherwise.
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

// haproxyHop adds a line of X-Forwarded-For with the peer, and removes the client's Connection.
func haproxyHop(t testing.TB, host, next string, _ ...string) *proxy.Server {
	t.Helper()
	return haproxyWith(t, host, next, "option forwardfor\nhttp-request del-header Connection", "")
}

// haproxyWith starts HAProxy with additional configuration lines and server options.
func haproxyWith(t testing.TB, host, next, lines, server string) *proxy.Server {
	t.Helper()
	return proxy.StartHAProxy(t, host, func(addr string) (string, []string) {
		return "defaults\nmode http\ntimeout connect 1m\ntimeout client 1m\ntimeout server 1m\nlisten hop\nbind " + addr + "\n" + lines + "\nserver next " + next + " " + server + "\n", nil
	})
}
