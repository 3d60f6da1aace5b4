package server_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/test/pki"
)

// maxConcurrentStreams is the identifier of a setting (RFC 9113 §6.5.2).
const maxConcurrentStreams = 0x3

// streams sends the HTTP/2 preface and returns the number of streams that the server announces.
func (w wire) streams(t *testing.T) int {
	t.Helper()
	w.send(t, http2Preface)
	header := make([]byte, 9)
	_, err := io.ReadFull(w.Reader, header)
	require.NoError(t, err)
	require.EqualValues(t, 4, header[3], "SETTINGS come first")
	settings := make([]byte, binary.BigEndian.Uint32(append([]byte{0}, header[:3]...)))
	_, err = io.ReadFull(w.Reader, settings)
	require.NoError(t, err)
	for ; len(settings) >= 6; settings = settings[6:] {
		if binary.BigEndian.Uint16(settings) == maxConcurrentStreams {
			return int(binary.BigEndian.Uint32(settings[2:]))
		}
	}
	require.Fail(t, "no number of streams is announced")
	return 0
}

// TestStreamsByOpenConnections checks how many streams a connection gets, by how many speak HTTP/2
// already.
func TestStreamsByOpenConnections(t *testing.T) {
	onBothTransports(t, usualLimits, http.NotFoundHandler(), func(t *testing.T, v http2Server) {
		for _, c := range []struct{ open, streams int }{{0, 32}, {31, 32}, {32, 4}, {511, 4},
			{512, 2}, {2047, 2}} {
			v.srv.CountHTTP2(c.open)
			assert.Equal(t, c.streams, v.connect(t).streams(t), "%d are open", c.open)
		}
		v.srv.CountHTTP2(32)
		assert.Equal(t, http.StatusNotFound, v.do(t, http.MethodGet, "/", nil).StatusCode,
			"and is served")
	})
}

// TestStreamsAreFreedWithTheConnection checks that only open connections count.
func TestStreamsAreFreedWithTheConnection(t *testing.T) {
	onBothTransports(t, usualLimits, http.NotFoundHandler(), func(t *testing.T, v http2Server) {
		v.srv.CountHTTP2(31)
		for range 3 {
			require.Eventually(t, func() bool {
				client := v.connect(t)
				defer func() { _ = client.Close() }()
				return client.streams(t) == 32
			}, timeout, time.Millisecond, "a closed connection makes room")
		}
	})
}

func TestHTTP1AloneBeyondTheLastTier(t *testing.T) {
	pair := pki.New(t, "localhost")
	for name, c := range map[string]struct {
		limits server.Limits
		open   int
	}{
		"too many connections": {usualLimits, 2048},
		"HTTP/2 is off": {server.Limits{Read: unreached, Idle: unreached, Connections: 100,
			NoHTTP2: true}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			certificate := pair.TLS(t)
			for transport, handshake := range map[string]server.Handshake{"plain": {},
				"TLS": {Certificate: func() *tls.Certificate { return certificate }}} {
				srv, err := server.Listen(context.Background(), "127.0.0.1:0",
					http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), c.limits,
					handshake, slog.New(slog.DiscardHandler))
				require.NoError(t, err)
				t.Cleanup(func() { shutdown(srv) })
				srv.CountHTTP2(c.open)
				if transport == "plain" {
					client := dial(t, srv)
					client.send(t, http2Preface)
					response := client.receiveResponse(t)
					assert.Equal(t, http.StatusHTTPVersionNotSupported, response.StatusCode)
					assert.True(t, response.Close)
					client.awaitEnd(t, "the connection is closed")
					client = dial(t, srv)
					client.send(t, request)
					assert.Equal(t, http.StatusOK, client.receiveResponse(t).StatusCode)
					continue
				}
				client, state := dialTLS(t, srv, pair, "h2", "http/1.1")
				assert.Equal(t, "http/1.1", state.NegotiatedProtocol)
				client.send(t, request)
				assert.Equal(t, http.StatusOK, client.receiveResponse(t).StatusCode)
				config := pki.Trust(pair)
				config.NextProtos = []string{"h2"}
				assert.Error(t, tls.Client(dial(t, srv).Conn, config).Handshake(),
					"there is no protocol that both speak")
			}
		})
	}
}

// TestTrustedProxiesHaveStreamsOfTheirOwn checks that a proxy gets its streams however many clients
// speak HTTP/2, and that it takes none from them.
func TestTrustedProxiesHaveStreamsOfTheirOwn(t *testing.T) {
	limits := usualLimits
	limits.Exempt = netip.Addr.IsLoopback
	onBothTransports(t, limits, http.NotFoundHandler(), func(t *testing.T, v http2Server) {
		v.srv.CountHTTP2(2048)
		assert.Equal(t, 100, v.connect(t).streams(t))
	})
}

// TestClientsBehindTheProxyProtocolShareStreams checks that it is the announced client that counts,
// not the trusted proxy that announces it.
func TestClientsBehindTheProxyProtocolShareStreams(t *testing.T) {
	limits := usualLimits
	limits.Exempt = netip.Addr.IsLoopback
	srv, err := server.Listen(context.Background(), "127.0.0.1:0", http.NotFoundHandler(), limits,
		server.Handshake{RequiresProxyHeader: requireFromLoopback}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { shutdown(srv) })
	srv.CountHTTP2(32)
	client := dial(t, srv)
	client.send(t, version1)
	assert.Equal(t, 4, client.streams(t))
}
