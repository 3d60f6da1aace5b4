package server_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/test/pki"
)

// PROXY protocol headers (proxy-protocol.txt, §2.1 and §2.2), written by hand.

const version1 = "PROXY TCP4 198.51.100.7 192.0.2.1 4711 443\r\n"

// version2 returns a version 2 header with the given command, family and addresses, followed
// by more bytes of extensions.
func version2(command, family byte, addresses string, more int) string {
	length := binary.BigEndian.AppendUint16(nil, uint16(len(addresses)+more))
	return "\r\n\r\n\x00\r\nQUIT\n" + string([]byte{0x20 | command, family}) + string(length) +
		addresses + strings.Repeat("\x04", more)
}

const (
	local, proxied = 0x0, 0x1
	inet, inet6    = 0x11, 0x21
	unixStream     = 0x31
	// 198.51.100.7:4711 to 192.0.2.1:443
	v4 = "\xc6\x33\x64\x07\xc0\x00\x02\x01\x12\x67\x01\xbb"
)

var (
	v6 = "\x20\x01\x0d\xb8" + strings.Repeat("\x00", 11) + "\x07" + strings.Repeat("\x00", 16) +
		"\x12\x67\x01\xbb"
	paths = "/run/client" + strings.Repeat("\x00", 216-len("/run/client"))
)

// requireFromLoopback requires a PROXY header from loopback peers.
func requireFromLoopback(peer netip.Addr) bool { return peer.IsLoopback() }

// behindProxy serves the address of each client, with the given handshake.
func behindProxy(t *testing.T, handshake server.Handshake, read time.Duration,
	logger *slog.Logger) *server.Server {
	t.Helper()
	srv, err := server.Listen(context.Background(), "127.0.0.1:0",
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(w, r.RemoteAddr)
		}), server.Limits{Read: read, Idle: unreached, Connections: 100}, handshake, logger)
	require.NoError(t, err)
	t.Cleanup(func() { shutdown(srv) })
	return srv
}

func TestProxyHeaders(t *testing.T) {
	srv := behindProxy(t, server.Handshake{RequiresProxyHeader: requireFromLoopback}, unreached,
		slog.New(slog.DiscardHandler))
	for name, c := range map[string]struct {
		sent, client string // no client: the connection is closed without a response
	}{
		"version 1": {version1, "198.51.100.7:4711"},
		"version 1, IPv6": {"PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n",
			"[2001:db8::7]:4711"},
		"version 1, unknown": {"PROXY UNKNOWN\r\n", "unknown"},
		"version 1, unknown with addresses": {"PROXY UNKNOWN 198.51.100.7 192.0.2.1 4711 443\r\n",
			"unknown"},
		"version 2": {version2(proxied, inet, v4, 0),
			"198.51.100.7:4711"},
		"version 2, IPv6": {version2(proxied, inet6, v6, 0),
			"[2001:db8::7]:4711"},
		"version 2, with extensions": {version2(proxied, inet, v4, 0)[:14] +
			"\x00\x13" + v4 + "\x04\x00\x04abcd", "198.51.100.7:4711"},
		"version 2, a Unix socket": {version2(proxied, unixStream, paths, 0),
			"unknown"},
		"version 2, no address":                  {version2(proxied, 0, "", 0), "unknown"},
		"version 2, no address, with extensions": {version2(proxied, 0, "", 4000), "unknown"},
		"version 2, the proxy itself":            {version2(local, 0, "", 0), "127.0.0.1"},
		"the proxy itself, with addresses":       {version2(local, inet, v4, 0), "127.0.0.1"},

		"none":             {"", ""},
		"another protocol": {"\x16\x03\x01\x02\x00\x01", ""},
		"version 1, two headers": {version1 +
			"PROXY TCP4 203.0.113.9 192.0.2.1 1 2\r\n", "400"},
		"version 1, no address":   {"PROXY TCP4 localhost 192.0.2.1 4711 443\r\n", ""},
		"version 1, wrong family": {"PROXY TCP4 2001:db8::7 192.0.2.1 4711 443\r\n", ""},
		"version 1, port out of range": {"PROXY TCP4 198.51.100.7 192.0.2.1 65536 443\r\n",
			""},
		"version 1, no end":                {"PROXY TCP4 " + strings.Repeat("1", 500), ""},
		"version 1, a bare line feed":      {"PROXY TCP4 198.51.100.7 192.0.2.1 4711 443\n", ""},
		"version 2, no address, too long":  {version2(proxied, 0, "", 60_000), ""},
		"version 2, no address, truncated": {version2(proxied, 0, "", 0)[:14], ""},
		"version 2, unknown family":        {version2(proxied, 0x13, v4, 0), ""},
		"version 2, too short":             {version2(proxied, inet, v4[:8], 0), ""},
		"version 2, too long":              {version2(proxied, inet, v4, 60_000), ""},
		"version 2, unknown command":       {version2(2, inet, v4, 0), ""},
		"version 3": {strings.Replace(version2(proxied, inet, v4, 0),
			"QUIT\n\x21", "QUIT\n\x31", 1), ""},
	} {
		t.Run(name, func(t *testing.T) {
			client := dial(t, srv)
			client.trySend(c.sent + request)
			if c.client == "" {
				received, _ := io.ReadAll(client.Reader)
				assert.Empty(t, received)
				return
			}
			if c.client == "400" {
				client.expectBadRequest(t)
				return
			}
			response, err := http.ReadResponse(client.Reader, nil)
			require.NoError(t, err)
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			assert.True(t, strings.HasPrefix(string(body), c.client), "%s", body)
			client.send(t, request) // the connection stays usable
			assert.Equal(t, http.StatusOK, client.receiveResponse(t).StatusCode)
		})
	}
}

// expectBadRequest expects the refusal of net/http's parser. net/http closes the connection with
// input unread, so a reset may overtake the response.
func (w wire) expectBadRequest(t *testing.T) {
	t.Helper()
	response, err := http.ReadResponse(w.Reader, nil)
	if err == nil {
		assert.Equal(t, http.StatusBadRequest, response.StatusCode)
		return
	}
	assert.ErrorIs(t, err, syscall.ECONNRESET)
}

// TestProxyHeaderInParts checks that a header is accepted however its bytes are split over reads:
// each byte by itself, and in two parts at every place, with the rest of the request behind.
func TestProxyHeaderInParts(t *testing.T) {
	for name, header := range map[string]string{
		"version 1": version1, "version 1, unknown": "PROXY UNKNOWN\r\n",
		"version 1, the longest": "PROXY UNKNOWN " + strings.Repeat("f", 91) + "\r\n",
		"version 2":              version2(proxied, inet, v4, 0),
		"version 2, no address":  version2(proxied, 0, "", 20),
	} {
		t.Run(name, func(t *testing.T) {
			whole := header + request
			splits := [][]string{strings.Split(header, ""), strings.Split(whole, "")}
			for i := 1; i < len(header); i++ {
				splits = append(splits, []string{whole[:i], whole[i:]})
			}
			for _, parts := range splits {
				rest, err := server.ReadProxyHeader(slices.Clone(parts))
				require.NoError(t, err, "%q", parts)
				assert.Equal(t, strings.TrimPrefix(strings.Join(parts, ""), header), rest)
			}
		})
	}
}

func TestProxyHeaderInPartsIsServed(t *testing.T) {
	srv := behindProxy(t, server.Handshake{RequiresProxyHeader: requireFromLoopback}, unreached,
		slog.New(slog.DiscardHandler))
	for _, header := range []string{version1, version2(proxied, inet, v4, 0)} {
		client := dial(t, srv)
		for i := range header {
			client.send(t, header[i:i+1])
			time.Sleep(time.Millisecond) // so that most bytes are read by themselves
		}
		client.send(t, request)
		response, err := http.ReadResponse(client.Reader, nil)
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		assert.Equal(t, "198.51.100.7:4711", string(body))
	}
}

// TestRefusesProxyHeaderFromUntrustedPeer checks that a PROXY header from a peer that is not a
// proxy is not a valid request.
func TestRefusesProxyHeaderFromUntrustedPeer(t *testing.T) {
	handshake := server.Handshake{RequiresProxyHeader: func(peer netip.Addr) bool {
		return !peer.IsLoopback()
	}}
	srv := behindProxy(t, handshake, unreached, slog.New(slog.DiscardHandler))
	for name, header := range map[string]string{"version 1": version1,
		"version 2": version2(proxied, inet, v4, 0)} {
		t.Run(name, func(t *testing.T) {
			client := dial(t, srv)
			client.trySend(header + request)
			client.expectBadRequest(t)
		})
	}
	client := dial(t, srv)
	client.send(t, request)
	assert.Equal(t, http.StatusOK, client.receiveResponse(t).StatusCode,
		"without a header the client is served")
}

func TestProxyHeaderBeforeTLSAndHTTP2(t *testing.T) {
	pair := pki.New(t, "localhost")
	certificate := pair.TLS(t)
	secured := behindProxy(t, server.Handshake{RequiresProxyHeader: requireFromLoopback,
		Certificate: func() *tls.Certificate {
			return certificate
		}}, unreached, slog.New(slog.DiscardHandler))
	bare := behindProxy(t, server.Handshake{RequiresProxyHeader: requireFromLoopback}, unreached,
		slog.New(slog.DiscardHandler))
	for name, srv := range map[string]*server.Server{"https": secured, "http": bare} {
		for protocol, speaks := range map[string]func(*http.Protocols){
			"HTTP/1.1": func(p *http.Protocols) { p.SetHTTP1(true) },
			"HTTP/2.0": func(p *http.Protocols) { p.SetHTTP2(true); p.SetUnencryptedHTTP2(true) },
		} {
			t.Run(name+" "+protocol, func(t *testing.T) {
				transport := &http.Transport{Protocols: &http.Protocols{},
					TLSClientConfig: pki.Trust(pair),
					DialContext: func(ctx context.Context, network, address string) (net.Conn,
						error) {
						conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
						if err == nil {
							_, err = io.WriteString(conn, version1)
						}
						return conn, err
					}}
				speaks(transport.Protocols)
				t.Cleanup(transport.CloseIdleConnections)
				for range 3 {
					response, err := (&http.Client{Transport: transport,
						Timeout: timeout}).Get(name + "://" + srv.Address())
					require.NoError(t, err)
					body, err := io.ReadAll(response.Body)
					require.NoError(t, err)
					_ = response.Body.Close()
					assert.Equal(t, protocol, response.Proto)
					assert.Equal(t, "198.51.100.7:4711", string(body))
				}
			})
		}
	}
	t.Run("header inside TLS is refused", func(t *testing.T) {
		raw := dial(t, secured)
		raw.send(t, version1)
		conn := tls.Client(raw.Conn, pki.Trust(pair))
		require.NoError(t, conn.Handshake())
		within := wire{conn, bufio.NewReader(conn)}
		within.send(t, "PROXY TCP4 203.0.113.9 192.0.2.1 1 2\r\n"+request)
		assert.Equal(t, http.StatusBadRequest, within.receiveResponse(t).StatusCode)
	})
}

func TestSlowProxyHeaderDelaysNoOtherAndEnds(t *testing.T) {
	patient := behindProxy(t, server.Handshake{RequiresProxyHeader: requireFromLoopback}, unreached,
		slog.New(slog.DiscardHandler))
	dial(t, patient)
	dial(t, patient).send(t, version2(proxied, inet, v4, 0)[:14])
	sound := dial(t, patient)
	sound.send(t, version1+request)
	assert.Equal(t, http.StatusOK, sound.receiveResponse(t).StatusCode)

	impatient := behindProxy(t, server.Handshake{RequiresProxyHeader: requireFromLoopback},
		50*time.Millisecond, slog.New(slog.DiscardHandler))
	for _, sent := range []string{"", "\r\n", version2(proxied, inet, v4, 0)[:14],
		version2(proxied, inet, v4, 100)[:60], version1} {
		slow := dial(t, impatient)
		slow.trySend(sent)
		slow.awaitEnd(t, "after "+strconv.Quote(sent))
	}
}

// TestLogsTrustedProxyWithoutHeader checks that a trusted proxy without a PROXY header is logged,
// because none of its clients is served, and that a load balancer's port probe is not.
func TestLogsTrustedProxyWithoutHeader(t *testing.T) {
	const noHeader, badHeader = "a trusted proxy announces no client",
		"a trusted proxy's announcement cannot be understood"
	for name, c := range map[string]struct {
		sent   string
		logged map[string]int
	}{
		"requests":       {request, map[string]int{noHeader: 1, badHeader: 0}},
		"nothing":        {"", map[string]int{noHeader: 0, badHeader: 0}},
		"truncated line": {version1[:20], map[string]int{noHeader: 0, badHeader: 1}},
		"too long": {version2(proxied, inet, v4, 5000),
			map[string]int{noHeader: 0, badHeader: 1}},
		"no address, too long": {version2(proxied, 0, "", 5000),
			map[string]int{noHeader: 0, badHeader: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			srv := behindProxy(t, server.Handshake{RequiresProxyHeader: requireFromLoopback}, unreached,
				slog.New(slog.NewTextHandler(&out, nil)))
			const attempts = 20
			for range attempts {
				client := dial(t, srv)
				client.trySend(c.sent)
				_ = client.Conn.(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, client.Reader)
			}
			shutdown(srv)
			// The service's logger limits the lines; this one writes every one.
			for kind, logged := range c.logged {
				assert.Equal(t, logged*attempts, strings.Count(out.String(), kind), "%s", out.String())
			}
			assert.NotContains(t, out.String(), "127.0.0.1")
		})
	}
}

// TestRefusedConnectionsReleaseTheirSlots checks that refused connections do not count
// against the limit.
func TestRefusedConnectionsReleaseTheirSlots(t *testing.T) {
	srv, err := server.Listen(context.Background(), "127.0.0.1:0",
		http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}),
		server.Limits{Read: unreached, Idle: unreached, Connections: 1},
		server.Handshake{RequiresProxyHeader: requireFromLoopback}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { shutdown(srv) })
	for range 5 {
		refused := dial(t, srv)
		refused.send(t, request)
		_, _ = io.Copy(io.Discard, refused.Reader)
	}
	sound := dial(t, srv)
	sound.send(t, version1+request)
	assert.Equal(t, http.StatusOK, sound.receiveResponse(t).StatusCode)
}
