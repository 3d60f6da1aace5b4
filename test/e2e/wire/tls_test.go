package wire_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/pki"
)

// TLS and HTTP/2 on the public listener, with the built binary.

// spoken maps the names of protocols to the settings of a client.
var spoken = map[string]func(*http.Protocols){
	"HTTP/1.1": func(p *http.Protocols) { p.SetHTTP1(true) },
	"HTTP/2":   func(p *http.Protocols) { p.SetHTTP2(true); p.SetUnencryptedHTTP2(true) },
}

// overTLS starts the service with a certificate and returns the folder of its files.
func overTLS(t *testing.T, pair pki.Pair, more harness.Env) (service *harness.Process,
	folder string) {
	t.Helper()
	folder = t.TempDir()
	chain, key := pair.Write(t, folder)
	return harness.Start(t, harness.Production(harness.Env{"OFFLOAD_TLS_CERT_FILE": chain,
		"OFFLOAD_TLS_KEY_FILE": key}.With(more))), folder
}

func TestTLSServesTheSameAsCleartext(t *testing.T) {
	t.Parallel()
	pair := pki.New(t, "localhost")
	secured, _ := overTLS(t, pair, nil)
	assert.Equal(t, true, secured.Log.Await(t, "service_started").Fields["tls"])
	bare := harness.Start(t, harness.Production(nil))
	assert.Equal(t, false, bare.Log.Await(t, "service_started").Fields["tls"])
	for name, protocols := range spoken {
		for transport, client := range map[string]*harness.Client{
			"over TLS":     secured.Over(t, pki.Trust(pair), protocols),
			"in the clear": bare.Over(t, nil, protocols),
		} {
			t.Run(name+" "+transport, func(t *testing.T) {
				token := client.Token(t, "install-12345")
				assert.Equal(t, http.StatusOK, client.Current(t, harness.Bearer(token)).Status)
				for _, c := range []struct {
					method, path, body string
					status             int
				}{
					{"POST", "/v1/sessions/verify/any//path/../below", "a body", 200},
					{"POST", harness.IssuePath, strings.Repeat("x", 20_000), 413},
					{"POST", harness.IssuePath, "{", 422},
					{"GET", harness.IssuePath, "", 405},
					{"OPTIONS", "/v1/sessions/current", "", 405},
					{"GET", "/v1//health", "", 404},
					{"GET", "/v1/%68ealth", "", 404},
					{"HEAD", "/v1/health", "", 200},
				} {
					answer := client.Send(t, c.method, c.path, c.body, harness.Bearer(token))
					assert.Equal(t, c.status, answer.Status, "%s %s", c.method, c.path)
					assert.Equal(t, "no-store", answer.Header.Get("Cache-Control"))
					assert.NotEmpty(t, answer.Header.Get("X-Request-ID"))
				}
				assert.Equal(t, http.StatusUnauthorized, client.Current(t).Status)
			})
		}
	}
}

func TestTLSReloadsARenewedCertificate(t *testing.T) {
	t.Parallel()
	first, second := pki.New(t, "localhost"), pki.New(t, "localhost")
	service, folder := overTLS(t, first, nil)
	before := service.Over(t, pki.Trust(first), spoken["HTTP/2"])
	assert.Equal(t, http.StatusOK, before.Send(t, "GET", "/v1/health", "").Status)

	pki.Replace(t, filepath.Join(folder, "tls.crt"), second.Chain) // without its key
	failed := service.Log.Await(t, "tls_reload_failed")
	assert.Equal(t, "ERROR", failed.String("level"))
	assert.Equal(t, "the private key's file holds the key of another certificate",
		failed.String("cause"))
	assert.Equal(t, http.StatusOK, service.Over(t, pki.Trust(first), spoken["HTTP/1.1"]).Send(t,
		"GET", "/v1/health", "").Status)

	pki.Replace(t, filepath.Join(folder, "tls.key"), second.Key)
	reloaded := service.Log.Await(t, "tls_reloaded")
	assert.Equal(t, []any{"localhost"}, reloaded.Fields["names"])
	after := service.Over(t, pki.Trust(second), spoken["HTTP/2"])
	assert.Equal(t, http.StatusOK, after.Send(t, "GET", "/v1/health", "").Status)
	assert.Equal(t, http.StatusOK, before.Send(t, "GET", "/v1/health", "").Status,
		"an open connection must survive the reload")
	assert.Zero(t, service.Stop(t))
	assert.Len(t, service.Log.Of("tls_reload_failed"), 1)
	assert.Len(t, service.Log.Of("tls_reloaded"), 1)
	private, err := os.ReadFile(filepath.Join(folder, "tls.key"))
	require.NoError(t, err)
	for _, secret := range []string{folder, string(private[40:60])} {
		assert.NotContains(t, service.Log.Text(), secret)
	}
}

// TestTLSAndHTTP2DisconnectSlowClients shows that slow clients of every protocol are disconnected
// within the timeouts, and that the service continues to serve.
func TestTLSAndHTTP2DisconnectSlowClients(t *testing.T) {
	t.Parallel()
	pair := pki.New(t, "localhost")
	// Short enough to wait for, and long enough for the handshakes below on a busy machine.
	timeouts := harness.Env{"OFFLOAD_HTTP_READ_TIMEOUT_SECONDS": "10",
		"OFFLOAD_HTTP_IDLE_TIMEOUT_SECONDS": "10"}
	secured, _ := overTLS(t, pair, timeouts)
	bare := harness.Start(t, harness.Production(timeouts))
	raw := func(service *harness.Process) func() net.Conn {
		return func() net.Conn {
			return service.Dial(t)
		}
	}
	through := func(protocol string) func() net.Conn {
		return func() net.Conn {
			config := pki.Trust(pair)
			config.NextProtos = []string{protocol}
			conn := tls.Client(secured.Dial(t).Conn, config)
			require.NoError(t, conn.Handshake())
			return conn
		}
	}
	// The client's preface, then HEADERS of POST / with no end of the stream, or half of them (RFC
	// 9113 §3.4, §6.2).
	const hello = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	headers := "\x83\x84\x86\x41\x01x" // POST, /, http, authority x
	open := hello + "\x00\x00" + string(rune(len(headers))) + "\x01\x04\x00\x00\x00\x01" + headers
	// SETTINGS with a window of 0, then HEADERS of GET /v1/health, whose response then has no
	// window.
	get := "\x82\x86\x44\x0a/v1/health\x41\x01x"
	noRoom := hello[:24] + "\x00\x00\x06\x04\x00\x00\x00\x00\x00" + "\x00\x04\x00\x00\x00\x00" +
		"\x00\x00" + string(rune(len(get))) + "\x01\x05\x00\x00\x00\x01" + get
	issue := "POST " + harness.IssuePath + " HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{"
	conns := map[string]net.Conn{}
	for name, slow := range map[string]struct {
		dial func() net.Conn
		sent string
	}{
		"no bytes of a TLS handshake": {raw(secured), ""},
		"a truncated TLS ClientHello": {raw(secured),
			"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"},
		"no request over TLS":        {through("http/1.1"), ""},
		"truncated headers over TLS": {through("http/1.1"), issue[:30]},
		"a truncated body over TLS":  {through("http/1.1"), issue},
		"no second request over TLS": {through("http/1.1"),
			"GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n"},
		"no preface in HTTP/2 over TLS":          {through("h2"), ""},
		"a truncated preface in HTTP/2 over TLS": {through("h2"), hello[:20]},
		"no settings in HTTP/2 over TLS":         {through("h2"), hello[:24]},
		"no request in HTTP/2 over TLS":          {through("h2"), hello},
		"truncated headers in HTTP/2 over TLS":   {through("h2"), open[:len(open)-3]},
		"no body in HTTP/2 over TLS":             {through("h2"), open},
		"no window for a response in HTTP/2":     {raw(bare), noRoom},
		"a truncated preface in HTTP/2":          {raw(bare), hello[:20]},
		"no settings in HTTP/2":                  {raw(bare), hello[:24]},
		"no request in HTTP/2":                   {raw(bare), hello},
		"truncated headers in HTTP/2":            {raw(bare), open[:len(open)-3]},
		"no body in HTTP/2":                      {raw(bare), open},
		"a truncated frame in HTTP/2":            {raw(bare), hello + "\x00\x00"},
		"an invalid frame in HTTP/2": {raw(bare),
			hello + "\xff\xff\xff\x00\x00\x00\x00\x00\x00"},
		"noise over TLS":           {through("http/1.1"), strings.Repeat("\x00", 1000)},
		"noise in HTTP/2 over TLS": {through("h2"), strings.Repeat("\x00", 1000)},
		"HTTP/1.1 after HTTP/2 was negotiated": {through("h2"),
			"GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n"},
		"HTTP in place of a TLS handshake": {raw(secured),
			"GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n"},
	} {
		conns[name] = slow.dial()
		_, err := io.WriteString(conns[name], slow.sent)
		require.NoError(t, err)
	}
	for name, conn := range conns {
		t.Run(name, func(t *testing.T) {
			_, err := io.Copy(io.Discard, conn)
			assert.False(t, os.IsTimeout(err), "the connection was not closed: %v", err)
		})
	}
	secured.Over(t, pki.Trust(pair), spoken["HTTP/2"]).RequireHealthy(t)
	bare.RequireHealthy(t)
	for _, service := range []*harness.Process{secured, bare} {
		service.AwaitInFlight(t, 0)
		assert.Zero(t, service.Stop(t))
		assert.Empty(t, service.Log.Of("panic_recovered"))
		assert.LessOrEqual(t, len(service.Log.Of("http_server_complaint")), 10)
	}
}

// TestHTTP2StoppedUnderLoadLosesNothing stops the service under HTTP/2 load: requests in flight get
// responses, and later connections are refused.
func TestHTTP2StoppedUnderLoadLosesNothing(t *testing.T) {
	t.Parallel()
	pair := pki.New(t, "localhost")
	env := harness.Env{"OFFLOAD_LOG_LEVEL": "debug", "OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP": "10000", "OFFLOAD_SESSION_ISSUE_LIMIT_PER_NETWORK": "0",
		"OFFLOAD_SHUTDOWN_GRACE_SECONDS": "60"}
	secured, _ := overTLS(t, pair, env)
	bare := harness.Start(t, harness.Production(env))
	for name, c := range map[string]struct {
		service *harness.Process
		trust   *tls.Config
	}{"over TLS": {secured, pki.Trust(pair)}, "in the clear": {bare, nil}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			idle := c.service.Over(t, c.trust, spoken["HTTP/2"])
			idle.Send(t, "GET", "/v1/health", "")
			const clients, streams = 2, 8
			var mu sync.Mutex
			got := map[string]bool{}
			busy := make(chan struct{}, 1)
			var group sync.WaitGroup
			for n := range clients {
				client := c.service.Over(t, c.trust, spoken["HTTP/2"])
				for stream := range streams {
					group.Go(func() {
						for round := 0; ; round++ {
							id := fmt.Sprintf("client-%d-%d-%d", n, stream, round)
							answer, err := client.Try("POST", harness.IssuePath,
								harness.IssueBody(id), harness.Header{"X-Request-ID", id})
							if err != nil {
								return
							}
							assert.Contains(t, []int{200, 429}, answer.Status)
							mu.Lock()
							got[id] = true
							mu.Unlock()
							select {
							case busy <- struct{}{}:
							default:
							}
						}
					})
				}
			}
			for range 100 {
				harness.Receive(t, "the clients receive responses", busy)
			}
			assert.Zero(t, c.service.Stop(t))
			harness.Wait(t, "every client has been refused", &group)
			for _, line := range c.service.Log.Of("http_request") {
				if id := line.String("request_id"); strings.HasPrefix(id, "client-") {
					assert.True(t, got[id], "%s was served, but the response was lost", id)
				}
			}
			assert.Equal(t, false, c.service.Log.Await(t,
				"service_stopped").Fields["requests_broken_off"])
		})
	}
}

// TestHTTP2ClientThatNeverReads shows that a client which keeps sending and never reads is cut off,
// and that others are served meanwhile.
func TestHTTP2ClientThatNeverReads(t *testing.T) {
	t.Parallel()
	service := harness.Start(t, harness.Production(nil))
	conn := service.Dial(t)
	conn.Send(t, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		pings := strings.Repeat("\x00\x00\x08\x06\x00\x00\x00\x00\x0012345678", 1000)
		for err := error(nil); err == nil; {
			_, err = io.WriteString(conn, pings)
		}
	}()
	assert.Equal(t, http.StatusOK, service.Exchange(t, http.MethodGet,
		harness.RawRequest("GET", "/v1/health", "")).Status)
	harness.Receive(t, "the client that never reads has been cut off", ended)
}

// announcedStreams sends the HTTP/2 preface on conn and returns the number of streams that the
// server announces (RFC 9113 §6.5.2).
func announcedStreams(t *testing.T, conn *harness.Conn) int {
	t.Helper()
	conn.Send(t, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
	header := make([]byte, 9)
	_, err := io.ReadFull(conn, header)
	require.NoError(t, err)
	settings := make([]byte, header[2])
	_, err = io.ReadFull(conn, settings)
	require.NoError(t, err)
	const maxConcurrentStreams = "\x00\x03\x00\x00\x00"
	at := strings.Index(string(settings), maxConcurrentStreams)
	require.GreaterOrEqual(t, at, 0)
	return int(settings[at+len(maxConcurrentStreams)])
}

// TestHTTP2StreamsDependOnOpenConnections checks that the more connections speak HTTP/2, the fewer
// requests each may have in progress, that clients speak HTTP/1.1 beyond that, and that a trusted
// proxy is not affected.
func TestHTTP2StreamsDependOnOpenConnections(t *testing.T) {
	t.Parallel()
	service := harness.Start(t, patient(harness.Env{"OFFLOAD_TRUSTED_PROXIES": "127.0.9.1",
		"OFFLOAD_HTTP_MAX_CONNECTIONS_PER_ADDRESS": "3000"}))
	expected := []struct{ connections, streams int }{{32, 32}, {480, 4}, {1536, 2}}
	for _, tier := range expected {
		for n := range tier.connections {
			require.Equal(t, tier.streams, announcedStreams(t, service.Dial(t)), "%d", n)
		}
	}
	beyond := service.Dial(t)
	beyond.Send(t, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
	rest, err := io.ReadAll(beyond)
	require.True(t, err == nil || errors.Is(err, syscall.ECONNRESET), "%v", err)
	assert.True(t, strings.HasPrefix(string(rest), "HTTP/1.1 505 "), "%q", rest)
	served(t, service.Dial(t), "HTTP/1.1 is spoken")
	assert.Equal(t, 100, announcedStreams(t, service.From(t, "127.0.9.1").Dial(t)))
}

func TestHTTP2CanBeTurnedOff(t *testing.T) {
	t.Parallel()
	pair := pki.New(t, "localhost")
	service, _ := overTLS(t, pair, harness.Env{"OFFLOAD_HTTP2": "false"})
	trust := pki.Trust(pair)
	trust.NextProtos = []string{"h2", "http/1.1"}
	conn := tls.Client(service.Dial(t).Conn, trust)
	require.NoError(t, conn.Handshake())
	assert.Equal(t, "http/1.1", conn.ConnectionState().NegotiatedProtocol)
	client := service.Over(t, pki.Trust(pair), spoken["HTTP/1.1"])
	assert.Equal(t, http.StatusOK, client.Send(t, "GET", "/v1/health", "").Status)
}
