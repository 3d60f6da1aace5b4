package wire_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/pki"
)

// The PROXY protocol with the built binary: which address counts behind a layer-4 balancer.

// announced requests a session on a connection that starts with header. The connection comes from
// the local address peer, unless it is empty.
func announced(t *testing.T, service *harness.Process, peer, header, installID string,
	headers ...string) (harness.Response, error) {
	t.Helper()
	client := service.Client
	if peer != "" {
		client = client.From(t, peer)
	}
	conn := client.Dial(t)
	conn.SendProxyHeader(t, header)
	conn.Send(t, harness.RawIssue(harness.IssueBody(installID), headers...))
	return conn.TryReadResponse(http.MethodPost)
}

func TestProxyProtocolGivesTheClientAddress(t *testing.T) {
	t.Parallel()
	service := harness.Start(t, harness.Production(harness.Env{
		"OFFLOAD_PROXY_PROTOCOL": "true", "OFFLOAD_TRUSTED_PROXIES": "127.0.0.1,10.0.0.0/8",
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP": "1",
		// No window ends during the test.
		"OFFLOAD_SESSION_ISSUE_LIMIT_WINDOW_SECONDS": "86400",
	}))
	assert.Equal(t, true, service.Log.Await(t, "service_started").Fields["proxy_protocol"])
	client := func(address string) string {
		return "PROXY TCP4 " + address + " 192.0.2.1 4711 443\r\n"
	}
	n := 0
	issue := func(status int, why, peer, header string, headers ...string) {
		t.Helper()
		n++
		answer, err := announced(t, service, peer, header, harness.InstallID(n), headers...)
		require.NoError(t, err, why)
		assert.Equal(t, status, answer.Status, why)
	}
	issue(200, "a client", "", client("198.51.100.7"))
	issue(429, "the same", "", client("198.51.100.7"))
	issue(200, "another", "", client("198.51.100.8"))
	issue(429, "what a client forwards is not believed", "", client("198.51.100.8"),
		"X-Forwarded-For: 203.0.113.1")
	issue(200, "a proxy behind the balancer is believed", "", client("10.0.0.1"),
		"X-Forwarded-For: 203.0.113.2")
	issue(429, "and its client is the same through another", "", client("10.0.0.2"),
		"X-Forwarded-For: 203.0.113.2")
	issue(200, "an unknown client", "", "PROXY UNKNOWN\r\n")
	issue(429, "all unknown clients are one, whatever they forward", "", "PROXY UNKNOWN\r\n",
		"X-Forwarded-For: 203.0.113.3")
	issue(200, "the balancer itself", "", "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00")
	issue(429, "again", "", "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00")
	issue(200, "an untrusted peer, without a header", "127.0.0.2", "")
	issue(429, "again", "127.0.0.2", "", "X-Forwarded-For: 203.0.113.4")

	answer, err := announced(t, service, "127.0.0.3", client("203.0.113.5"), "install-stranger")
	if err == nil { // otherwise the connection was reset before the response was read
		assert.Equal(t, http.StatusBadRequest, answer.Status,
			"an untrusted peer must not send a PROXY header")
	}
	_, err = announced(t, service, "", "", "install-unannounced")
	require.Error(t, err, "a trusted proxy must send a PROXY header")
	assert.Contains(t, service.Log.Await(t, "http_server_complaint").String("kind"),
		"PROXY protocol")
	assert.Zero(t, service.Stop(t))
	for _, address := range []string{"198.51.100", "203.0.113", "127.0.0.3"} {
		assert.NotContains(t, service.Log.Text(), address)
	}
}

func TestProxyProtocolBeforeTLS(t *testing.T) {
	t.Parallel()
	pair := pki.New(t, "localhost")
	service, _ := overTLS(t, pair, harness.Env{"OFFLOAD_PROXY_PROTOCOL": "true",
		"OFFLOAD_TRUSTED_PROXIES": "127.0.0.1", "OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP": "1",
		"OFFLOAD_SESSION_ISSUE_LIMIT_WINDOW_SECONDS": "86400"})
	for n, status := range []int{200, 429} {
		raw := service.Dial(t)
		raw.Send(t, "PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n")
		conn := tls.Client(raw.Conn, pki.Trust(pair))
		_, err := io.WriteString(conn, harness.RawIssue(harness.IssueBody(harness.InstallID(n)),
			"Connection: close"))
		require.NoError(t, err)
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		_ = answer.Body.Close()
		assert.Equal(t, status, answer.StatusCode)
	}
}
