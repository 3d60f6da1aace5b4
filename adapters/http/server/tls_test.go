package server_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/test/pki"
)

// listenTLS serves handler over TLS with the given certificate.
func listenTLS(t *testing.T, pair pki.Pair, read time.Duration,
	handler http.HandlerFunc) *server.Server {
	t.Helper()
	certificate := pair.TLS(t)
	srv, err := server.Listen(context.Background(), "127.0.0.1:0", handler,
		server.Limits{Read: read, Idle: unreached, Connections: 100},
		server.Handshake{Certificate: func() *tls.Certificate {
			return certificate
		}}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { shutdown(srv) })
	return srv
}

// dialTLS connects with a client that trusts pair and offers protocols.
func dialTLS(t *testing.T, srv *server.Server, pair pki.Pair, protocols ...string) (wire,
	tls.ConnectionState) {
	t.Helper()
	config := pki.Trust(pair)
	config.NextProtos = protocols
	raw := dial(t, srv)
	conn := tls.Client(raw.Conn, config)
	require.NoError(t, conn.Handshake())
	return wire{conn, bufio.NewReader(conn)}, conn.ConnectionState()
}

func TestServesTLS(t *testing.T) {
	pair := pki.New(t, "localhost")
	srv := listenTLS(t, pair, unreached, func(w http.ResponseWriter, r *http.Request) {
		assert.NotNil(t, r.TLS)
		_, _ = io.WriteString(w, r.Proto)
	})
	t.Run("HTTP/1.1", func(t *testing.T) {
		client, state := dialTLS(t, srv, pair, "http/1.1")
		assert.Equal(t, "http/1.1", state.NegotiatedProtocol)
		for range 3 {
			client.send(t, request)
			assert.Equal(t, "HTTP/1.1", client.receiveResponse(t).Proto)
		}
	})
	t.Run("client without ALPN", func(t *testing.T) {
		client, state := dialTLS(t, srv, pair)
		assert.Empty(t, state.NegotiatedProtocol)
		client.send(t, request)
		assert.Equal(t, http.StatusOK, client.receiveResponse(t).StatusCode)
	})
	t.Run("the server prefers HTTP/2", func(t *testing.T) {
		_, state := dialTLS(t, srv, pair, "http/1.1", "h2")
		assert.Equal(t, "h2", state.NegotiatedProtocol)
		assert.EqualValues(t, tls.VersionTLS13, state.Version)
	})
	for version, served := range map[uint16]bool{tls.VersionTLS13: true, tls.VersionTLS12: true,
		tls.VersionTLS11: false, tls.VersionTLS10: false} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			config := pki.Trust(pair)
			config.MinVersion, config.MaxVersion = version, version
			err := tls.Client(dial(t, srv).Conn, config).Handshake()
			assert.Equal(t, served, err == nil, "%v", err)
		})
	}
}

func TestTLSUsesCurrentCertificate(t *testing.T) {
	first, second := pki.New(t, "localhost"), pki.New(t, "localhost")
	var current atomic.Pointer[tls.Certificate]
	current.Store(first.TLS(t))
	srv, err := server.Listen(context.Background(), "127.0.0.1:0",
		http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}),
		server.Limits{Read: unreached, Idle: unreached, Connections: 10},
		server.Handshake{Certificate: current.Load}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { shutdown(srv) })
	before, _ := dialTLS(t, srv, first)
	current.Store(second.TLS(t))
	dialTLS(t, srv, second)
	before.send(t, request)
	assert.Equal(t, http.StatusOK, before.receiveResponse(t).StatusCode,
		"an open connection stays")
}

// halfClientHello is the beginning of a TLS handshake.
const halfClientHello = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"

func TestSlowHandshakeDelaysNoOther(t *testing.T) {
	pair := pki.New(t, "localhost")
	srv := listenTLS(t, pair, unreached, func(http.ResponseWriter, *http.Request) {})
	dial(t, srv)
	dial(t, srv).send(t, halfClientHello)
	sound, _ := dialTLS(t, srv, pair)
	sound.send(t, request)
	assert.Equal(t, http.StatusOK, sound.receiveResponse(t).StatusCode)
}

// TestSlowHandshakeEnds checks that a handshake has the same limit as reading.
func TestSlowHandshakeEnds(t *testing.T) {
	srv := listenTLS(t, pki.New(t, "localhost"), 50*time.Millisecond,
		func(http.ResponseWriter, *http.Request) {})
	silent, half := dial(t, srv), dial(t, srv)
	half.trySend(halfClientHello)
	for _, slow := range []wire{silent, half} {
		slow.awaitEnd(t, "the server's deadline ends it, not the test's")
	}
}

func TestDeadlinesOverTLS(t *testing.T) {
	pair := pki.New(t, "localhost")
	read := make(chan error, 100)
	srv := listenTLS(t, pair, 200*time.Millisecond, func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		read <- err
	})
	// connect repeats handshakes that take longer than the server's limit.
	connect := func(t *testing.T) (client wire) {
		require.Eventually(t, func() bool {
			raw := dial(t, srv)
			conn := tls.Client(raw.Conn, pki.Trust(pair))
			client = wire{conn, bufio.NewReader(conn)}
			return conn.Handshake() == nil
		}, timeout, time.Millisecond, "no handshake succeeded")
		return client
	}
	t.Run("headers", func(t *testing.T) {
		client := connect(t)
		client.trySend(request[:10])
		client.awaitEnd(t, "the server closes the connection, with a response or without")
	})
	t.Run("body", func(t *testing.T) {
		require.Eventually(t, func() bool {
			client := connect(t)
			client.trySend("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nha")
			client.awaitEnd(t, "the server closes the connection")
			select {
			case err := <-read:
				return assert.Error(t, err)
			default:
				return false // the headers arrived too late
			}
		}, 2*timeout, time.Millisecond, "no request reached the handler")
	})
	t.Run("between requests", func(t *testing.T) {
		certificate := pair.TLS(t)
		srv, err := server.Listen(context.Background(), "127.0.0.1:0",
			http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}),
			server.Limits{Read: unreached, Idle: 50 * time.Millisecond, Connections: 10},
			server.Handshake{Certificate: func() *tls.Certificate {
				return certificate
			}}, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		client, _ := dialTLS(t, srv, pair)
		client.send(t, request)
		client.receiveResponse(t)
		_, err = client.ReadByte()
		require.ErrorIs(t, err, io.EOF)
		shutdown(srv)
	})
}

// TestResponseReachesClientStillSending checks this with TLS and without.
func TestResponseReachesClientStillSending(t *testing.T) {
	pair := pki.New(t, "localhost")
	handler := func(http.ResponseWriter, *http.Request) {}
	for name, connect := range map[string]func() wire{
		"without TLS": func() wire { return dial(t, listen(t, handler)) },
		"over TLS": func() wire {
			client, _ := dialTLS(t, listenTLS(t, pair, unreached, handler), pair)
			return client
		},
	} {
		t.Run(name, func(t *testing.T) {
			client := connect()
			go func() {
				_, _ = io.WriteString(client.Conn,
					"GET / HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("a", 1<<20))
			}()
			assert.Equal(t, http.StatusRequestHeaderFieldsTooLarge, client.receiveResponse(t).StatusCode)
		})
	}
}

func TestRespondsToPlainHTTPOnTLSListener(t *testing.T) {
	srv := listenTLS(t, pki.New(t, "localhost"), unreached,
		func(http.ResponseWriter, *http.Request) {})
	client := dial(t, srv)
	client.send(t, request)
	assert.Equal(t, http.StatusBadRequest, client.receiveResponse(t).StatusCode)
}

// TestFailedHandshakesDoNotFillTheLog checks that failed handshakes are logged at debug level only,
// because scanners cause them all day long.
func TestFailedHandshakesDoNotFillTheLog(t *testing.T) {
	pair := pki.New(t, "localhost")
	for level, lines := range map[slog.Level]int{slog.LevelInfo: 0, slog.LevelDebug: 50} {
		var out bytes.Buffer
		certificate := pair.TLS(t)
		srv, err := server.Listen(context.Background(), "127.0.0.1:0",
			http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}),
			server.Limits{Read: unreached, Idle: unreached, Connections: 10},
			server.Handshake{Certificate: func() *tls.Certificate { return certificate }},
			slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: level})))
		require.NoError(t, err)
		for range 50 {
			client := dial(t, srv)
			client.send(t, "\x16\x03\x01\x00\x05hunter2")
			_, _ = io.Copy(io.Discard, client.Reader)
			require.NoError(t, client.Close())
		}
		shutdown(srv)
		assert.Equal(t, lines, strings.Count(out.String(), "tls_handshake_failed"), "%s",
			out.String())
		assert.NotContains(t, out.String(), "http_server_complaint")
		assert.NotContains(t, out.String(), "hunter2")
		assert.NotContains(t, out.String(), "127.0.0.1")
	}
}

// TestShutdownWithHandshakesInProgress checks that Shutdown waits only a moment for handshakes in
// progress.
func TestShutdownWithHandshakesInProgress(t *testing.T) {
	pair := pki.New(t, "localhost")
	srv := listenTLS(t, pair, unreached, func(http.ResponseWriter, *http.Request) {})
	silent := dial(t, srv)
	done, _ := dialTLS(t, srv, pair) // handshake done, no request sent
	stopped := make(chan int, 1)
	go func() { stopped <- srv.Shutdown(context.Background()) }()
	select {
	case brokenOff := <-stopped:
		assert.Zero(t, brokenOff)
	case <-time.After(timeout):
		require.Fail(t, "Shutdown waits for handshakes in progress")
	}
	for _, conn := range []net.Conn{silent.Conn, done.Conn} {
		_, err := io.Copy(io.Discard, conn)
		assert.NoError(t, err)
	}
}
