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
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/test/pki"
)

// The PROXY protocol (proxy-protocol.txt, §2.1 and §2.2), written by hand.

const firstVersion = "PROXY TCP4 198.51.100.7 192.0.2.1 4711 443\r\n"

// secondVersion is a header of the second version: its command, its family, its addresses and what
// follows them.
func secondVersion(command, family byte, addresses string, more int) string {
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

// trusting has every peer of the loopback announce.
func trusting(peer netip.Addr) bool { return peer.IsLoopback() }

// behindProxy serves the address of anyone who asks, with that entry.
func behindProxy(t *testing.T, entry server.Handshake, read time.Duration,
	logger *slog.Logger) *server.Server {
	t.Helper()
	srv, err := server.Listen(context.Background(), "127.0.0.1:0",
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(w, r.RemoteAddr)
		}), server.Limits{Read: read, Idle: patience, Connections: 100}, entry, logger)
	require.NoError(t, err)
	t.Cleanup(func() { srv.Shutdown(context.Background()) })
	return srv
}

func TestAnnouncements(t *testing.T) {
	srv := behindProxy(t, server.Handshake{RequiresProxyHeader: trusting}, patience,
		slog.New(slog.DiscardHandler))
	for name, c := range map[string]struct {
		sent, client string // no client: the connection is closed, and nothing answered
	}{
		"version 1": {firstVersion, "198.51.100.7:4711"},
		"version 1, IPv6": {"PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n",
			"[2001:db8::7]:4711"},
		"version 1, unknown": {"PROXY UNKNOWN\r\n", "unknown"},
		"version 1, unknown with addresses": {"PROXY UNKNOWN 198.51.100.7 192.0.2.1 4711 443\r\n",
			"unknown"},
		"version 2": {secondVersion(proxied, inet, v4, 0),
			"198.51.100.7:4711"},
		"version 2, IPv6": {secondVersion(proxied, inet6, v6, 0),
			"[2001:db8::7]:4711"},
		"version 2, with more": {secondVersion(proxied, inet, v4, 0)[:14] +
			"\x00\x13" + v4 + "\x04\x00\x04abcd", "198.51.100.7:4711"},
		"version 2, a socket of UNIX": {secondVersion(proxied, unixStream, paths, 0),
			"unknown"},
		"version 2, of nobody":             {secondVersion(proxied, 0, "", 0), "unknown"},
		"version 2, of nobody, with more":  {secondVersion(proxied, 0, "", 4000), "unknown"},
		"version 2, the proxy itself":      {secondVersion(local, 0, "", 0), "127.0.0.1"},
		"the proxy itself, with addresses": {secondVersion(local, inet, v4, 0), "127.0.0.1"},

		"none":             {"", ""},
		"another protocol": {"\x16\x03\x01\x02\x00\x01", ""},
		"version 1, two of them": {firstVersion +
			"PROXY TCP4 203.0.113.9 192.0.2.1 1 2\r\n", "400"},
		"version 1, no address":             {"PROXY TCP4 localhost 192.0.2.1 4711 443\r\n", ""},
		"version 1, a family that is wrong": {"PROXY TCP4 2001:db8::7 192.0.2.1 4711 443\r\n", ""},
		"version 1, a port beyond": {"PROXY TCP4 198.51.100.7 192.0.2.1 65536 443\r\n",
			""},
		"version 1, endless":                 {"PROXY TCP4 " + strings.Repeat("1", 500), ""},
		"version 1, a bare line feed":        {"PROXY TCP4 198.51.100.7 192.0.2.1 4711 443\n", ""},
		"version 2, of nobody and too long":  {secondVersion(proxied, 0, "", 60_000), ""},
		"version 2, of nobody, cut short":    {secondVersion(proxied, 0, "", 0)[:14], ""},
		"version 2, of no known family":      {secondVersion(proxied, 0x13, v4, 0), ""},
		"version 2, too short":               {secondVersion(proxied, inet, v4[:8], 0), ""},
		"version 2, more than anybody needs": {secondVersion(proxied, inet, v4, 60_000), ""},
		"version 2, another command":         {secondVersion(2, inet, v4, 0), ""},
		"version 3": {strings.Replace(secondVersion(proxied, inet, v4, 0),
			"QUIT\n\x21", "QUIT\n\x31", 1), ""},
	} {
		t.Run(name, func(t *testing.T) {
			client := dial(t, srv)
			client.sayAnyway(c.sent + whole)
			if c.client == "" {
				heard, _ := io.ReadAll(client.Reader)
				assert.Empty(t, heard)
				return
			}
			if c.client == "400" {
				client.hearParser(t)
				return
			}
			answer, err := http.ReadResponse(client.Reader, nil)
			require.NoError(t, err)
			body, err := io.ReadAll(answer.Body)
			require.NoError(t, err)
			assert.True(t, strings.HasPrefix(string(body), c.client), "%s", body)
			client.say(t, whole) // and on
			assert.Equal(t, http.StatusOK, client.hear(t).StatusCode)
		})
	}
}

// sayAnyway sends what may no longer be read.
func (w wire) sayAnyway(text string) { _, _ = io.WriteString(w.Conn, text) }

// hearParser asks for the parser's refusal. net/http closes behind it with input unread, so a reset
// may overtake it.
func (w wire) hearParser(t *testing.T) {
	t.Helper()
	answer, err := http.ReadResponse(w.Reader, nil)
	if err == nil {
		assert.Equal(t, http.StatusBadRequest, answer.StatusCode)
		return
	}
	assert.ErrorIs(t, err, syscall.ECONNRESET)
}

func TestAnnouncementsInParts(t *testing.T) {
	srv := behindProxy(t, server.Handshake{RequiresProxyHeader: trusting}, patience,
		slog.New(slog.DiscardHandler))
	client := dial(t, srv)
	header := secondVersion(proxied, inet, v4, 0)
	for i := range header {
		client.say(t, header[i:i+1])
	}
	client.say(t, whole)
	answer, err := http.ReadResponse(client.Reader, nil)
	require.NoError(t, err)
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	assert.Equal(t, "198.51.100.7:4711", string(body))
}

// TestAStrangersAnnouncement is no request, and he is no proxy.
func TestAStrangersAnnouncement(t *testing.T) {
	entry := server.Handshake{RequiresProxyHeader: func(peer netip.Addr) bool {
		return !peer.IsLoopback()
	}}
	srv := behindProxy(t, entry, patience, slog.New(slog.DiscardHandler))
	for name, header := range map[string]string{"version 1": firstVersion,
		"version 2": secondVersion(proxied, inet, v4, 0)} {
		t.Run(name, func(t *testing.T) {
			client := dial(t, srv)
			client.sayAnyway(header + whole)
			client.hearParser(t)
		})
	}
	client := dial(t, srv)
	client.say(t, whole)
	assert.Equal(t, http.StatusOK, client.hear(t).StatusCode, "without one he is served")
}

func TestAnnouncementsBeforeTLSAndHTTP2(t *testing.T) {
	pair := pki.New(t, "localhost")
	certificate := pair.TLS(t)
	secured := behindProxy(t, server.Handshake{RequiresProxyHeader: trusting,
		Certificate: func() *tls.Certificate {
			return certificate
		}}, patience, slog.New(slog.DiscardHandler))
	bare := behindProxy(t, server.Handshake{RequiresProxyHeader: trusting}, patience,
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
							_, err = io.WriteString(conn, firstVersion)
						}
						return conn, err
					}}
				speaks(transport.Protocols)
				t.Cleanup(transport.CloseIdleConnections)
				for range 3 {
					answer, err := (&http.Client{Transport: transport,
						Timeout: patience}).Get(name + "://" + srv.Address())
					require.NoError(t, err)
					body, err := io.ReadAll(answer.Body)
					require.NoError(t, err)
					_ = answer.Body.Close()
					assert.Equal(t, protocol, answer.Proto)
					assert.Equal(t, "198.51.100.7:4711", string(body))
				}
			})
		}
	}
	t.Run("an announcement within TLS is none", func(t *testing.T) {
		raw := dial(t, secured)
		raw.say(t, firstVersion)
		conn := tls.Client(raw.Conn, pki.Trust(pair))
		require.NoError(t, conn.Handshake())
		within := wire{conn, bufio.NewReader(conn)}
		within.say(t, "PROXY TCP4 203.0.113.9 192.0.2.1 1 2\r\n"+whole)
		assert.Equal(t, http.StatusBadRequest, within.hear(t).StatusCode)
	})
}

func TestASlowAnnouncementKeepsNobodyWaitingAndEnds(t *testing.T) {
	patient := behindProxy(t, server.Handshake{RequiresProxyHeader: trusting}, patience,
		slog.New(slog.DiscardHandler))
	dial(t, patient)
	dial(t, patient).say(t, secondVersion(proxied, inet, v4, 0)[:14])
	sound := dial(t, patient)
	sound.say(t, firstVersion+whole)
	assert.Equal(t, http.StatusOK, sound.hear(t).StatusCode)

	impatient := behindProxy(t, server.Handshake{RequiresProxyHeader: trusting},
		50*time.Millisecond, slog.New(slog.DiscardHandler))
	for _, sent := range []string{"", "\r\n", secondVersion(proxied, inet, v4, 0)[:14],
		secondVersion(proxied, inet, v4, 100)[:60], firstVersion} {
		slow := dial(t, impatient)
		slow.say(t, sent)
		_, err := io.Copy(io.Discard, slow.Reader)
		assert.NoError(t, err, "it ends: %q", sent)
	}
}

// TestAProxyThatAnnouncesNobodyIsTold, for then none of its clients is served; but not that a
// balancer looks whether somebody listens.
func TestAProxyThatAnnouncesNobodyIsTold(t *testing.T) {
	const unannounced, misunderstood = "a trusted proxy announces no client",
		"a trusted proxy's announcement cannot be understood"
	for name, c := range map[string]struct {
		sent string
		told map[string]int
	}{
		"requests":         {whole, map[string]int{unannounced: 1, misunderstood: 0}},
		"nothing":          {"", map[string]int{unannounced: 0, misunderstood: 0}},
		"a line cut short": {firstVersion[:20], map[string]int{unannounced: 0, misunderstood: 1}},
		"too much": {secondVersion(proxied, inet, v4, 5000),
			map[string]int{unannounced: 0, misunderstood: 1}},
		"too much of nobody": {secondVersion(proxied, 0, "", 5000),
			map[string]int{unannounced: 0, misunderstood: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			srv := behindProxy(t, server.Handshake{RequiresProxyHeader: trusting}, patience,
				slog.New(slog.NewTextHandler(&out, nil)))
			for range 20 {
				client := dial(t, srv)
				client.sayAnyway(c.sent)
				_ = client.Conn.(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, client.Reader)
			}
			srv.Shutdown(context.Background())
			for kind, lines := range c.told {
				assert.Equal(t, lines, strings.Count(out.String(), kind), "%s", out.String())
			}
			assert.NotContains(t, out.String(), "127.0.0.1")
		})
	}
}

// TestConnectionsWithoutAnAnnouncementGiveUpTheirSeats.
func TestConnectionsWithoutAnAnnouncementGiveUpTheirSeats(t *testing.T) {
	srv, err := server.Listen(context.Background(), "127.0.0.1:0",
		http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}),
		server.Limits{Read: patience, Idle: patience, Connections: 1},
		server.Handshake{RequiresProxyHeader: trusting}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { srv.Shutdown(context.Background()) })
	for range 5 {
		refused := dial(t, srv)
		refused.say(t, whole)
		_, _ = io.Copy(io.Discard, refused.Reader)
	}
	sound := dial(t, srv)
	sound.say(t, firstVersion+whole)
	assert.Equal(t, http.StatusOK, sound.hear(t).StatusCode)
}
