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

// listenTLS serves handler over TLS with that certificate.
func listenTLS(t *testing.T, pair pki.Pair, read time.Duration,
	handler http.HandlerFunc) *server.Server {
	t.Helper()
	certificate := pair.TLS(t)
	srv, err := server.Listen(context.Background(), "127.0.0.1:0", handler,
		server.Limits{Read: read, Idle: patience, Connections: 100},
		server.Handshake{Certificate: func() *tls.Certificate {
			return certificate
		}}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { srv.Shutdown(context.Background()) })
	return srv
}

// dialTLS connects as a client who trusts pair and would speak protocols.
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

func TestTLSIsSpoken(t *testing.T) {
	pair := pki.New(t, "localhost")
	srv := listenTLS(t, pair, patience, func(w http.ResponseWriter, r *http.Request) {
		assert.NotNil(t, r.TLS)
		_, _ = io.WriteString(w, r.Proto)
	})
	t.Run("HTTP/1.1", func(t *testing.T) {
		client, state := dialTLS(t, srv, pair, "http/1.1")
		assert.Equal(t, "http/1.1", state.NegotiatedProtocol)
		for range 3 {
			client.say(t, whole)
			assert.Equal(t, "HTTP/1.1", client.hear(t).Proto)
		}
	})
	t.Run("by a client that knows no ALPN", func(t *testing.T) {
		client, state := dialTLS(t, srv, pair)
		assert.Empty(t, state.NegotiatedProtocol)
		client.say(t, whole)
		assert.Equal(t, http.StatusOK, client.hear(t).StatusCode)
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

func TestTLSTakesTheCertificateInForce(t *testing.T) {
	first, second := pki.New(t, "localhost"), pki.New(t, "localhost")
	var current atomic.Pointer[tls.Certificate]
	current.Store(first.TLS(t))
	srv, err := server.Listen(context.Background(), "127.0.0.1:0",
		http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}),
		server.Limits{Read: patience, Idle: patience, Connections: 10},
		server.Handshake{Certificate: current.Load}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { srv.Shutdown(context.Background()) })
	before, _ := dialTLS(t, srv, first)
	current.Store(second.TLS(t))
	dialTLS(t, srv, second)
	before.say(t, whole)
	assert.Equal(t, http.StatusOK, before.hear(t).StatusCode, "a connection that is open stays")
}

// halfHello is the beginning of a TLS handshake.
const halfHello = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"

func TestASlowHandshakeKeepsNobodyWaiting(t *testing.T) {
	pair := pki.New(t, "localhost")
	srv := listenTLS(t, pair, patience, func(http.ResponseWriter, *http.Request) {})
	dial(t, srv)
	dial(t, srv).say(t, halfHello)
	sound, _ := dialTLS(t, srv, pair)
	sound.say(t, whole)
	assert.Equal(t, http.StatusOK, sound.hear(t).StatusCode)
}

// TestASlowHandshakeEnds: it has the time that reading has.
func TestASlowHandshakeEnds(t *testing.T) {
	srv := listenTLS(t, pki.New(t, "localhost"), 50*time.Millisecond,
		func(http.ResponseWriter, *http.Request) {})
	silent, half := dial(t, srv), dial(t, srv)
	half.say(t, halfHello)
	for _, slow := range []wire{silent, half} {
		_, err := io.Copy(io.Discard, slow.Reader) // an alert may come
		assert.NoError(t, err, "it ends, within the deadline and not by the test's")
	}
}

func TestDeadlinesOverTLS(t *testing.T) {
	pair := pki.New(t, "localhost")
	read := make(chan error, 1)
	srv := listenTLS(t, pair, 100*time.Millisecond, func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		read <- err
	})
	t.Run("headers", func(t *testing.T) {
		client, _ := dialTLS(t, srv, pair)
		client.say(t, whole[:10])
		_, err := io.Copy(io.Discard, client.Reader)
		assert.NoError(t, err, "it ends, with the parser's answer or none")
	})
	t.Run("body", func(t *testing.T) {
		client, _ := dialTLS(t, srv, pair)
		client.say(t, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nha")
		assert.Error(t, <-read)
	})
	t.Run("between requests", func(t *testing.T) {
		certificate := pair.TLS(t)
		srv, err := server.Listen(context.Background(), "127.0.0.1:0",
			http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}),
			server.Limits{Read: patience, Idle: 50 * time.Millisecond, Connections: 10},
			server.Handshake{Certificate: func() *tls.Certificate {
				return certificate
			}}, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		client, _ := dialTLS(t, srv, pair)
		client.say(t, whole)
		client.hear(t)
		_, err = client.ReadByte()
		require.ErrorIs(t, err, io.EOF)
		srv.Shutdown(context.Background())
	})
}

// TestAnAnswerReachesAClientThatIsStillSending: over TLS as in the clear.
func TestAnAnswerReachesAClientThatIsStillSending(t *testing.T) {
	pair := pki.New(t, "localhost")
	handler := func(http.ResponseWriter, *http.Request) {}
	for name, connect := range map[string]func() wire{
		"in the clear": func() wire { return dial(t, listen(t, handler)) },
		"over TLS": func() wire {
			client, _ := dialTLS(t, listenTLS(t, pair, patience, handler), pair)
			return client
		},
	} {
		t.Run(name, func(t *testing.T) {
			client := connect()
			go func() {
				_, _ = io.WriteString(client.Conn,
					"GET / HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("a", 1<<20))
			}()
			assert.Equal(t, http.StatusRequestHeaderFieldsTooLarge, client.hear(t).StatusCode)
		})
	}
}

func TestHTTPWhereTLSIsSpokenIsToldSo(t *testing.T) {
	srv := listenTLS(t, pki.New(t, "localhost"), patience,
		func(http.ResponseWriter, *http.Request) {})
	client := dial(t, srv)
	client.say(t, whole)
	assert.Equal(t, http.StatusBadRequest, client.hear(t).StatusCode)
}

// TestFailedHandshakesDoNotFillTheLog: scanners make them all day long.
func TestFailedHandshakesDoNotFillTheLog(t *testing.T) {
	pair := pki.New(t, "localhost")
	for level, lines := range map[slog.Level]int{slog.LevelInfo: 0, slog.LevelDebug: 50} {
		var out bytes.Buffer
		certificate := pair.TLS(t)
		srv, err := server.Listen(context.Background(), "127.0.0.1:0",
			http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}),
			server.Limits{Read: patience, Idle: patience, Connections: 10},
			server.Handshake{Certificate: func() *tls.Certificate { return certificate }},
			slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: level})))
		require.NoError(t, err)
		for range 50 {
			client := dial(t, srv)
			client.say(t, "\x16\x03\x01\x00\x05hunter2")
			_, _ = io.Copy(io.Discard, client.Reader)
			require.NoError(t, client.Close())
		}
		srv.Shutdown(context.Background())
		assert.Equal(t, lines, strings.Count(out.String(), "tls_handshake_failed"), "%s",
			out.String())
		assert.NotContains(t, out.String(), "http_server_complaint")
		assert.NotContains(t, out.String(), "hunter2")
		assert.NotContains(t, out.String(), "127.0.0.1")
	}
}

// TestShutdownWithHandshakesUnderWay: who is still at it may come through for a moment, and keeps
// nobody waiting for longer.
func TestShutdownWithHandshakesUnderWay(t *testing.T) {
	pair := pki.New(t, "localhost")
	srv := listenTLS(t, pair, patience, func(http.ResponseWriter, *http.Request) {})
	silent := dial(t, srv)
	done, _ := dialTLS(t, srv, pair) // through, and asks nothing
	stopped := make(chan int, 1)
	go func() { stopped <- srv.Shutdown(context.Background()) }()
	select {
	case brokenOff := <-stopped:
		assert.Zero(t, brokenOff)
	case <-time.After(patience / 2):
		require.Fail(t, "it waits for them")
	}
	for _, conn := range []net.Conn{silent.Conn, done.Conn} {
		_, err := io.Copy(io.Discard, conn)
		assert.NoError(t, err)
	}
}
