package proxies_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/proxy"
)

// Which address counts, end to end: clients connect from loopback addresses, through real proxies,
// to a service that gives each address one session per minute. A request refused under "ip" has the
// same address, for the service, as the one granted before.

// window is a service with that limit, behind proxies.
type window struct {
	*harness.InProcess
	entry string // the address that clients connect to
	asked int
}

// through starts the service and calls front, which starts the proxies in front of it and returns
// the one that clients connect to.
func through(t *testing.T, env harness.Env, front func(sessiond string) *proxy.Server) *window {
	t.Helper()
	w := &window{InProcess: harness.Serve(t, harness.Env{
		"OFFLOAD_TRUSTED_PROXIES": "127.0.0.1", "OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP": "1",
		// Addresses of one network are told apart, not counted together.
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_NETWORK": "0",
	}.With(env))}
	w.entry = front(w.Public).Addr
	return w
}

// issue requests a session of a new installation from an address, with headers sent unchanged.
func (w *window) issue(t *testing.T, from string, headers ...string) harness.Response {
	t.Helper()
	w.asked++
	client := w.Through(t, w.entry).From(t, from)
	body := harness.IssueBody(fmt.Sprintf("install-%08d", w.asked))
	return client.Exchange(t, "POST", request("POST", harness.IssuePath, body,
		append(headers, "Content-Type: application/json")...))
}

func (w *window) assertGranted(t *testing.T, answer harness.Response, what string) {
	t.Helper()
	assert.Equal(t, http.StatusOK, answer.Status, "%s: %s", what, answer.Body)
}

// assertSame fails unless the response says that the address has used up its limit.
func (w *window) assertSame(t *testing.T, answer harness.Response, what string) {
	t.Helper()
	assert.Equal(t, http.StatusTooManyRequests, answer.Status, "%s counted as another address",
		what)
	assert.Equal(t, "session_rate_limited", answer.Code(), what)
	assert.Contains(t, answer.Header.Get("RateLimit"), `"ip";r=0;t=60, "install_id";r=4`, what)
}

// spoofs returns headers with which a client may claim another address. pretended is the address of
// another client.
func spoofs(pretended string) [][]string {
	list := [][]string{
		{"X-Forwarded-For: " + pretended}, {"X-Forwarded-For: " + pretended,
			"X-Forwarded-For: 198.51.100.9"}, {"X-Forwarded-For: " + pretended + ", 127.0.0.1"},
		{"X-Forwarded-For: 127.0.0.1"}, {"X-Forwarded-For: 127.0.0.1, 127.0.0.1",
			"X-Forwarded-For: 127.0.0.1"}, {"X-Forwarded-For: unknown"}, {"X-Forwarded-For: "},
		{"X-Forwarded-For: ,,,"},
		{"X-Forwarded-For: ::ffff:" + pretended}, {"X-Forwarded-For: [2001:db8::1]:80"},
		{`X-Forwarded-For: "` + pretended}, {"X-Forwarded-For: " +
			strings.Repeat("198.51.100.9, ", 60) + pretended},
		{"x-forwarded-for: " + pretended}, {"X_Forwarded_For: " + pretended},
		{"X-Forwarded-For: " + pretended, "Connection: X-Forwarded-For"},
		{"Connection: close, X-Forwarded-For"},
		append([]string{"X-Forwarded-For: " + pretended, "Connection: X-Forwarded-For",
			"Upgrade: websocket"}, handshake...),
		{"Via: 1.1 " + pretended}, {"X-Original-Forwarded-For: " + pretended},
	}
	for _, name := range []string{
		"Forwarded", "X-Real-IP", "X-Client-IP", "CF-Connecting-IP", "True-Client-IP",
		"Fastly-Client-IP", "X-Cluster-Client-IP", "X-Appengine-User-IP", "X-ProxyUser-IP",
		"Client-IP",
		"X-Remote-Addr", "X-Remote-IP", "X-Envoy-External-Address", "X-Azure-ClientIP",
	} {
		value := pretended
		if name == "Forwarded" {
			value = "for=" + pretended
		}
		list = append(list, []string{name + ": " + value})
	}
	return list
}

// assertWhoCounts fails unless the peer of the first proxy counts, whatever headers it sends.
func (w *window) assertWhoCounts(t *testing.T) {
	t.Helper()
	const one, other = "127.0.0.2", "127.0.0.3"
	w.assertGranted(t, w.issue(t, one), "the first")
	for _, headers := range spoofs(other) {
		w.assertSame(t, w.issue(t, one, headers...), strings.Join(headers, ", "))
	}
	w.assertGranted(t, w.issue(t, other, "X-Forwarded-For: "+one),
		"another, whose address the first had claimed")
	for _, headers := range spoofs("127.0.0.4") { // the first request gains nothing either
		w.Clock.Advance(time.Minute)
		w.assertGranted(t, w.issue(t, one, headers...), strings.Join(headers, ", "))
		w.assertSame(t, w.issue(t, one), strings.Join(headers, ", "))
		w.assertGranted(t, w.issue(t, "127.0.0.4"), "the client whose address was claimed")
	}
}

func TestClientAddressThroughOneProxy(t *testing.T) {
	t.Parallel()
	eachProduct(t, func(t *testing.T, p product) {
		w := through(t, nil, func(sessiond string) *proxy.Server {
			return p.start(t, sessiond, startApplication(t).addr())
		})
		if p.example == "envoy" {
			w.assertClaimsDoNotCount(t)
			return
		}
		w.assertWhoCounts(t)
	})
}

// assertClaimsDoNotCount fails unless all headers of clients are ignored. Envoy writes its own
// address for a client on a loopback address, so that clients here cannot be told apart.
func (w *window) assertClaimsDoNotCount(t *testing.T) {
	t.Helper()
	w.assertGranted(t, w.issue(t, "127.0.0.2"), "the first")
	for _, headers := range spoofs("127.0.0.3") {
		answer := w.issue(t, "127.0.0.2", headers...)
		if answer.Status != http.StatusBadRequest && answer.Status != http.StatusForbidden {
			w.assertSame(t, answer, strings.Join(headers, ", "))
		}
	}
}

func TestClientAddressThroughTwoProxies(t *testing.T) {
	t.Parallel()
	hops := []struct {
		name  string
		start hop
	}{{"nginx", nginxHop}, {"caddy", caddyHop}, {"haproxy", haproxyHop}}
	for _, first := range hops {
		for _, second := range hops {
			if first.name == second.name {
				continue
			}
			t.Run(first.name+" and "+second.name, func(t *testing.T) {
				t.Parallel()
				w := through(t, nil, func(sessiond string) *proxy.Server {
					return first.start(t, "127.0.0.1",
						second.start(t, "127.0.0.1", sessiond, "127.0.0.1").Addr)
				})
				w.assertWhoCounts(t)
			})
		}
	}
	t.Run("three HAProxies", func(t *testing.T) {
		t.Parallel()
		w := through(t, nil, func(sessiond string) *proxy.Server {
			third := haproxyHop(t, "127.0.0.1", sessiond)
			return haproxyHop(t, "127.0.0.1", haproxyHop(t, "127.0.0.1", third.Addr).Addr)
		})
		w.assertWhoCounts(t)
	})
}

// TestFormsOfTheAddress shows that every form in which a proxy writes an address is understood.
func TestFormsOfTheAddress(t *testing.T) {
	t.Parallel()
	const forwarded = "Forwarded"
	for name, test := range map[string]struct {
		header string
		start  func(t *testing.T, sessiond string) *proxy.Server
	}{
		"nginx: with the port": {"", func(t *testing.T, sessiond string) *proxy.Server {
			return nginxWith(t, "127.0.0.1", sessiond,
				`proxy_set_header X-Forwarded-For "$remote_addr:$remote_port";`)
		}},
		"nginx: in quotes": {"", func(t *testing.T, sessiond string) *proxy.Server {
			return nginxWith(t, "127.0.0.1", sessiond,
				`proxy_set_header X-Forwarded-For '"$remote_addr"';`)
		}},
		"nginx: the client's own header replaced": {"",
			func(t *testing.T, sessiond string) *proxy.Server {
				return nginxWith(t, "127.0.0.1", sessiond,
					`proxy_set_header X-Forwarded-For $remote_addr;`)
			}},
		"nginx: mapped, in brackets, with the port": {"",
			func(t *testing.T, sessiond string) *proxy.Server {
				return nginxWith(t, "127.0.0.1", sessiond,
					`proxy_set_header X-Forwarded-For "[::ffff:$remote_addr]:$remote_port";`)
			}},
		"haproxy: a line of its own, with the port": {"",
			func(t *testing.T, sessiond string) *proxy.Server {
				return haproxyWith(t, "127.0.0.1", sessiond,
					`http-request add-header X-Forwarded-For %[src]:%[src_port]`, "")
			}},
		"haproxy: Forwarded": {forwarded, func(t *testing.T, sessiond string) *proxy.Server {
			return haproxyWith(t, "127.0.0.1", sessiond,
				`http-request set-header Forwarded for=%[src];proto=http`, "")
		}},
		"haproxy: Forwarded, a line of its own, with the port": {forwarded,
			func(t *testing.T, sessiond string) *proxy.Server {
				return haproxyWith(t, "127.0.0.1", sessiond,
					`http-request add-header Forwarded 'for="%[src]:%[src_port]";by=_haproxy'`, "")
			}},
		"haproxy: Forwarded, mapped": {forwarded,
			func(t *testing.T, sessiond string) *proxy.Server {
				return haproxyWith(t, "127.0.0.1", sessiond,
					`http-request set-header Forwarded 'for="[::ffff:%[src]]:%[src_port]"'`, "")
			}},
		"nginx: Forwarded": {forwarded, func(t *testing.T, sessiond string) *proxy.Server {
			return nginxWith(t, "127.0.0.1", sessiond,
				`proxy_set_header Forwarded "for=$remote_addr;proto=$scheme";`)
		}},
		"caddy: Forwarded": {forwarded, func(t *testing.T, sessiond string) *proxy.Server {
			return proxy.StartCaddy(t, "127.0.0.1", func(addr string) (string, []string) {
				return "{\nadmin off\n}\nhttp://" + addr[strings.LastIndex(addr, ":"):] +
					" {\nbind 127.0.0.1\nreverse_proxy " + sessiond +
					" {\nheader_up Forwarded \"for={http.request.remote.host}\"\n}\n}\n", nil
			})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := harness.Env{}
			if test.header != "" {
				env["OFFLOAD_TRUSTED_PROXY_HEADER"] = test.header
			}
			w := through(t, env, func(sessiond string) *proxy.Server {
				return test.start(t, sessiond)
			})
			w.assertWhoCounts(t)
		})
	}
}

func TestIPv6ThroughProxies(t *testing.T) {
	t.Parallel()
	starts := map[string]hop{"nginx": nginxHop, "caddy": caddyHop, "haproxy": haproxyHop}
	for name, start := range starts {
		t.Run(name+" with IPv6 clients", func(t *testing.T) {
			t.Parallel()
			// Clients can only connect from ::1; 127.0.0.1, the proxy, is another address.
			w := through(t, nil, func(sessiond string) *proxy.Server {
				return start(t, "::1", sessiond)
			})
			w.assertGranted(t, w.issue(t, "::1"), "the first")
			for _, headers := range spoofs("2001:db8::1") {
				w.assertSame(t, w.issue(t, "::1", headers...), strings.Join(headers, ", "))
			}
			w.assertSame(t, w.issueDirectly(t, "::2"),
				"the same /64, as another proxy might write it")
			w.assertGranted(t, w.issueDirectly(t, "0:0:0:1::1"), "another /64")
		})
		t.Run(name+" as an IPv6 peer", func(t *testing.T) {
			t.Parallel()
			w := through(t, harness.Env{"OFFLOAD_HTTP_ADDR": "[::1]:0",
				"OFFLOAD_TRUSTED_PROXIES": "::1"}, func(sessiond string) *proxy.Server {
				return start(t, "127.0.0.1", sessiond)
			})
			w.assertWhoCounts(t)
		})
	}
	t.Run("an IPv6 address in brackets, with its port", func(t *testing.T) {
		t.Parallel()
		for header, lines := range map[string]string{"X-Forwarded-For": "http-request add-header X-Forwarded-For [%[src]]:%[src_port]", "Forwarded": `http-request set-header Forwarded 'for="[%[src]]:%[src_port]"'`} {
			w := through(t, harness.Env{"OFFLOAD_TRUSTED_PROXY_HEADER": header},
				func(sessiond string) *proxy.Server {
					return haproxyWith(t, "::1", sessiond, lines, "")
				})
			w.assertGranted(t, w.issue(t, "::1"), header)
			w.assertSame(t, w.issue(t, "::1"), header)
		}
	})
	t.Run("an IPv4 client on an IPv6 socket", func(t *testing.T) {
		t.Parallel()
		// nginx then writes ::ffff:127.0.0.2.
		w := through(t, nil, func(sessiond string) *proxy.Server {
			return proxy.StartNginx(t, "127.0.0.1", func(addr string) string {
				port := addr[strings.LastIndex(addr, ":"):]
				return "server { listen [::ffff:127.0.0.1]" + port +
					" ipv6only=off; proxy_set_header X-Forwarded-For $remote_addr; add_header X-Seen $remote_addr always; location / { proxy_pass http://" + sessiond + "; } }"
			})
		})
		require.Equal(t, "::ffff:127.0.0.4", w.issue(t, "127.0.0.4").Header.Get("X-Seen"))
		w.assertGranted(t, w.issue(t, "127.0.0.2"), "the first")
		w.assertSame(t, w.issue(t, "127.0.0.2"), "the same")
		w.assertSame(t, w.issueDirectly(t, "127.0.0.2"), "the same, as another proxy writes it")
		w.assertGranted(t, w.issue(t, "127.0.0.3"), "another")
	})
}

// issueDirectly requests a session as a trusted proxy that forwards for client.
func (w *window) issueDirectly(t *testing.T, client string) harness.Response {
	t.Helper()
	w.asked++
	return w.Issue(t, fmt.Sprintf("install-%08d", w.asked), harness.ForwardedFor(client))
}

// TestDocumentedPitfalls shows the consequences of the misconfigurations that the documentation
// warns about.
func TestDocumentedPitfalls(t *testing.T) {
	t.Parallel()
	t.Run("proxies pass a client's own Forwarded on", func(t *testing.T) {
		t.Parallel()
		for name, start := range map[string]hop{"nginx": nginxHop, "caddy": caddyHop,
			"haproxy": haproxyHop} {
			w := through(t, harness.Env{"OFFLOAD_TRUSTED_PROXY_HEADER": "Forwarded"},
				func(sessiond string) *proxy.Server { return start(t, "127.0.0.1", sessiond) })
			w.assertGranted(t, w.issue(t, "127.0.0.2", "Forwarded: for=198.51.100.1"), name)
			w.assertGranted(t, w.issue(t, "127.0.0.2", "Forwarded: for=198.51.100.2"),
				name+": the same client again")
		}
	})
	t.Run("a second Caddy that does not trust the first proxy counts that one", func(t *testing.T) {
		t.Parallel()
		w := through(t, harness.Env{"OFFLOAD_TRUSTED_PROXIES": "127.0.0.1"},
			func(sessiond string) *proxy.Server {
				return nginxHop(t, "127.0.0.1", caddyHop(t, "127.0.0.1", sessiond).Addr)
			})
		w.assertGranted(t, w.issue(t, "127.0.0.2"), "one")
		w.assertSame(t, w.issue(t, "127.0.0.3"), "another")
	})
	t.Run("HAProxy forwards Connection, and Caddy honors it: the client appears as HAProxy",
		func(t *testing.T) {
			t.Parallel()
			w := through(t, nil, func(sessiond string) *proxy.Server {
				return haproxyWith(t, "127.0.0.1",
					caddyHop(t, "127.0.0.1", sessiond, "127.0.0.1").Addr,
					"option forwardfor", "")
			})
			w.assertGranted(t, w.issue(t, "127.0.0.2"), "as itself")
			w.assertSame(t, w.issue(t, "127.0.0.2"), "as itself")
			w.assertGranted(t, w.issue(t, "127.0.0.2", "Connection: X-Forwarded-For"), "as HAProxy")
			w.assertSame(t, w.issue(t, "127.0.0.3", "Connection: X-Forwarded-For"),
				"as HAProxy, from any address")
		})
	t.Run("a proxy that does not forward the address", func(t *testing.T) {
		t.Parallel()
		w := through(t, nil, func(sessiond string) *proxy.Server {
			return nginxWith(t, "127.0.0.1", sessiond, "")
		})
		w.assertGranted(t, w.issue(t, "127.0.0.2"), "one")
		w.assertSame(t, w.issue(t, "127.0.0.3"), "another")
	})
}

// TestForgottenProxyIsReported shows that all clients of a proxy that is not configured share one
// limit, and that the log, a metric and check report it.
func TestForgottenProxyIsReported(t *testing.T) {
	t.Parallel()
	const metric, event = "offload_forwarded_by_stranger_total", "forwarded_by_stranger"
	eachProduct(t, func(t *testing.T, p product) {
		service := harness.Start(t, harness.Env{"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP": "1",
			"OFFLOAD_SESSION_ISSUE_LIMIT_WINDOW_SECONDS": "86400"})
		front := p.start(t, service.Public, startApplication(t).addr())
		one, other := service.Through(t, front.Addr).From(t, "127.0.0.2"),
			service.Through(t, front.Addr).From(t, "127.0.0.3")
		assert.Zero(t, service.Metric(t, metric))
		assert.Equal(t, http.StatusOK, one.Issue(t, "install-00000001").Status)
		assert.Equal(t, http.StatusTooManyRequests, other.Issue(t, "install-00000002").Status,
			"one limit for all")
		other.Issue(t, "install-00000003")
		assert.EqualValues(t, 3, service.Metric(t, metric))
		one.Close()
		other.Close()
		service.Stop(t)
		lines := service.Log.Of(event)
		require.Len(t, lines, 1, "logged once")
		assert.Equal(t, "WARN", lines[0].String("level"))
		assert.Contains(t, lines[0].Text, "OFFLOAD_TRUSTED_PROXIES")
		assert.NotContains(t, lines[0].Text, "127.0.0.")
	})
	check := harness.Run(t, nil, "check")
	assert.Contains(t, check.Output,
		"trusted proxies      none: forwarding headers change nothing, and all clients behind a proxy share one limit")
}
