package proxies_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/device"
	"github.com/offload/sessiond/test/harness/proxy"
	"github.com/offload/sessiond/test/pki"
)

// overTLS lists the proxies with an example for TLS.
var overTLS = map[string]func(t testing.TB, pair pki.Pair, sessiond, application string) *proxy.Server{
	"nginx": func(t testing.TB, pair pki.Pair, sessiond, application string) *proxy.Server {
		chain, key := pair.Write(t, t.TempDir())
		return proxy.StartNginx(t, "127.0.0.1", func(addr string) string {
			// The files of the example, with the one line between them as it says.
			fragment := writeFile(t, "sessiond-tls.conf", replaced(t, deployed(t, "nginx/tls.conf"),
				"listen 443 ssl http2;", "listen "+addr+" ssl http2;",
				"ssl_certificate /etc/nginx/tls/site.crt;", "ssl_certificate "+chain+";",
				"ssl_certificate_key /etc/nginx/tls/site.key;", "ssl_certificate_key "+key+";"))
			return replaced(t, deployed(t, "nginx/sessiond.conf"),
				"server 127.0.0.1:8080;", "server "+sessiond+";", "server 127.0.0.1:3000;",
				"server "+application+";", "listen 80;", "include "+fragment+";")
		})
	},
	"haproxy": func(t testing.TB, pair pki.Pair, sessiond, application string) *proxy.Server {
		chain, key := pair.Write(t, t.TempDir())
		certificate, err := os.ReadFile(chain)
		require.NoError(t, err)
		private, err := os.ReadFile(key)
		require.NoError(t, err)
		site := writeFile(t, "site.pem", string(certificate)+string(private))
		return proxy.StartHAProxy(t, "127.0.0.1", func(addr string) (string, []string) {
			lines := replaced(t, deployed(t, "haproxy/tls.env"), "PUBLIC_ADDR=:443",
				"PUBLIC_ADDR="+addr)
			env := []string{"SESSIOND_ADDR=" + sessiond, "APPLICATION_ADDR=" + application,
				"SESSIOND_LUA=" + path("haproxy/sessiond.lua"),
				"SESSIOND_SOCKET=abns@sessiond-test-" + addr}
			for line := range strings.Lines(replacedOnce(t, lines, "/etc/haproxy/site.pem", site)) {
				if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") {
					env = append(env, line)
				}
			}
			return deployed(t, "haproxy/haproxy.cfg"), env
		})
	},
}

// TestTLS shows the examples for TLS, over HTTP/1.1 and HTTP/2.
func TestTLS(t *testing.T) {
	t.Parallel()
	for name, start := range overTLS {
		for version, protocols := range map[string]func(*http.Protocols){
			"HTTP/1.1": func(p *http.Protocols) { p.SetHTTP1(true) },
			"HTTP/2":   func(p *http.Protocols) { p.SetHTTP2(true) },
		} {
			t.Run(name+" "+version, func(t *testing.T) {
				t.Parallel()
				pair := pki.New(t, "localhost")
				s := &site{service: harness.Serve(t, harness.Env{"OFFLOAD_TRUSTED_PROXIES": "127.0.0.1",
					"OFFLOAD_SESSION_BINDING": "accept"}), application: startApplication(t)}
				s.token = s.service.Token(t, installation)
				s.proxy = start(t, pair, s.service.Public, s.application.addr())
				s.client = s.service.Through(t, s.proxy.Addr).Over(t, pki.Trust(pair), protocols)
				s.assertChecked(t, version == "HTTP/2")
				seen := s.assertAdmitted(t, s.client.Send(t, "GET", "/app/x", "",
					harness.Bearer(s.token), harness.Header{"X-Forwarded-Proto", "http"}), "forged")
				assert.Equal(t, []string{"https"}, seen.Header.Values("X-Forwarded-Proto"))
				s.assertBinds(t, "https://"+s.proxy.Addr)
			})
		}
		t.Run(name+" old versions", func(t *testing.T) {
			t.Parallel()
			pair := pki.New(t, "localhost")
			server := start(t, pair, "127.0.0.1:9", "127.0.0.1:9")
			old := pki.Trust(pair)
			old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
			conn, err := net.DialTimeout("tcp", server.Addr, harness.Timeout)
			require.NoError(t, err)
			defer func() { _ = conn.Close() }()
			require.NoError(t, conn.SetDeadline(time.Now().Add(harness.Timeout)))
			err = tls.Client(conn, old).HandshakeContext(t.Context())
			require.Error(t, err)
			assert.NotErrorIs(t, err, os.ErrDeadlineExceeded)
		})
	}
}

// TestHTTP2WithoutTLS covers the products that accept HTTP/2 on their plain port.
func TestHTTP2WithoutTLS(t *testing.T) {
	t.Parallel()
	eachProduct(t, func(t *testing.T, p product) {
		if !p.plainHTTP2 {
			return
		}
		s := startSite(t, p, harness.Env{"OFFLOAD_SESSION_BINDING": "accept"})
		s.client = s.client.Over(t, nil, func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) })
		s.assertChecked(t, true)
		s.assertBinds(t, "http://"+s.proxy.Addr)
	})
}

// TestTrailersOverHTTP2 is like TestTrailers, for the products that accept HTTP/2 on their plain
// port. Over HTTP/2, a body with a length can have trailers too.
func TestTrailersOverHTTP2(t *testing.T) {
	t.Parallel()
	eachProduct(t, func(t *testing.T, p product) {
		if !p.plainHTTP2 {
			return
		}
		s := startSite(t, p, nil)
		transport := &http.Transport{Protocols: &http.Protocols{}}
		transport.Protocols.SetUnencryptedHTTP2(true)
		defer transport.CloseIdleConnections()
		client := &http.Client{Transport: transport, Timeout: harness.Timeout}
		for _, length := range []int64{-1, 6} {
			sent, err := http.NewRequestWithContext(t.Context(), "POST",
				"http://"+s.proxy.Addr+"/app/x", io.NopCloser(strings.NewReader("a body")))
			require.NoError(t, err)
			sent.ContentLength = length
			sent.Header.Set("Authorization", "Bearer "+s.token)
			sent.Trailer = http.Header{"X-Session-Install-Id": {"forged"}}
			answer, err := client.Do(sent)
			if err == nil {
				assert.NoError(t, answer.Body.Close())
				assert.Contains(t, []int{http.StatusOK, http.StatusBadRequest}, answer.StatusCode)
			}
			for _, received := range s.application.take() {
				for name, values := range received.Trailer {
					assert.Empty(t, values, "%d: trailer %s", length, name)
				}
				assert.NotContains(t, received.named("X-Session-Install-Id"), "forged")
			}
		}
	})
}

// assertChecked fails unless sessions are verified and forged headers removed, with a client that
// may use HTTP/2.
func (s *site) assertChecked(t *testing.T, http2 bool) {
	t.Helper()
	forged := []harness.Header{{"X-Session-Install-Id", "forged"}, {"x_session_install_id", "forged"},
		{"X.Session.Install.Id", "forged"}, {"X-HTTP-Method-Override", "DELETE"}}
	bearer := harness.Bearer(s.token)
	answer := s.client.Send(t, "POST", "/app/x", "a body", append(forged, bearer)...)
	assert.Equal(t, http2, answer.HTTP2)
	assert.EqualValues(t, 6, s.assertAdmitted(t, answer, "a session").Body)
	s.assertRefused(t, s.client.Send(t, "POST", "/app/x", "a body", forged...), "unauthorized",
		"no session")
	s.assertRefused(t, s.client.Send(t, "GET", "/app/x", "", harness.Bearer(s.token+"x")),
		"invalid_token", "another session")
	preflight := []harness.Header{{"Origin", "https://page.example"},
		{"Access-Control-Request-Method", "GET"}}
	for _, body := range []string{"", "a body"} {
		answer = s.client.Send(t, "OPTIONS", "/app/x", body, append(forged, preflight...)...)
		requests := s.application.take()
		require.Equal(t, http.StatusOK, answer.Status)
		require.Len(t, requests, 1)
		assert.Zero(t, requests[0].Body)
		assert.Empty(t, requests[0].named("X-Session-Install-Id"))
		assert.Empty(t, requests[0].named("X-HTTP-Method-Override"))
	}
	assert.Equal(t, http.StatusOK, s.client.Send(t, "GET", "/v1/health", "").Status)
}

// assertBinds fails unless a bound session is issued and verified under the origin of the proxy and
// no other.
func (s *site) assertBinds(t *testing.T, origin string) {
	t.Helper()
	phone, now := device.New(1), s.service.Clock.Now()
	token := s.client.Token(t, phone.Thumbprint, harness.Header{"DPoP",
		phone.Proof(device.For("POST", origin+harness.IssuePath, now))})
	for uri, status := range map[string]int{origin + "/app/x": http.StatusOK,
		"http://sessiond/app/x":                                http.StatusUnauthorized,
		strings.Replace(origin, "http", "https", 1) + "/app/x": http.StatusUnauthorized} {
		answer := s.client.Send(t, "PUT", "/app/x?a=b", "a body",
			harness.Header{"Authorization", "DPoP " + token}, harness.Header{"X-Forwarded-Host", "sessiond"},
			harness.Header{"DPoP", phone.Proof(device.For("PUT", uri, now).ForToken(token))})
		assert.Equal(t, status, answer.Status, "%s: %s", uri, answer.Body)
	}
	requests := s.application.take()
	require.Len(t, requests, 1)
	assert.Equal(t, []string{"key"}, requests[0].named("X-Session-Binding"))
	assert.Empty(t, requests[0].Header.Values("DPoP"))
}
