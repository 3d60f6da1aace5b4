package server_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/adapters/system/clock"
)

// TestAmbiguousFramingClosesConnection checks that the connection closes whatever the
// handler does with the request, so that what follows the request is never answered.
func TestAmbiguousFramingClosesConnection(t *testing.T) {
	routes := []server.Route{
		{Pattern: "/read", Handle: func(w http.ResponseWriter, r *http.Request) error {
			_, err := io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusOK)
			return err
		}},
		{Pattern: "/silent", Handle: func(_ http.ResponseWriter, r *http.Request) error {
			_, _ = io.Copy(io.Discard, r.Body)
			return nil
		}},
		{Pattern: "/panics", Handle: func(_ http.ResponseWriter, r *http.Request) error {
			_, _ = io.Copy(io.Discard, r.Body)
			panic("on purpose")
		}},
		{Pattern: "/fails", Handle: func(_ http.ResponseWriter, r *http.Request) error {
			_, _ = io.Copy(io.Discard, r.Body)
			return errors.New("on purpose")
		}},
	}
	srv, err := server.Listen(context.Background(), "127.0.0.1:0",
		server.NewRouter(routes, clock.New(), silent{}, slog.New(slog.DiscardHandler)),
		server.Limits{Read: unreached, Idle: unreached, Connections: 100}, server.Handshake{},
		slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { shutdown(srv) })
	const behind = "GET /read HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	for name, sent := range map[string]struct {
		line, headers, body string
		last                bool
	}{
		"with Content-Length": {"POST %s HTTP/1.1", "Content-Length: 2\r\n", "ab", false},
		"without a body":      {"GET %s HTTP/1.1", "", "", false},
		"HTTP/1.2":            {"GET %s HTTP/1.2", "", "", false},
		"chunked": {"POST %s HTTP/1.1", "Transfer-Encoding: chunked\r\n",
			"2\r\nab\r\n0\r\n\r\n", true},
		"chunked with Content-Length": {"POST %s HTTP/1.1",
			"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", "2\r\nab\r\n0\r\n\r\n", true},
		"HTTP/1.0 with keep-alive": {"GET %s HTTP/1.0", "Connection: keep-alive\r\n", "", true},
		"HTTP/1.0, chunked": {"POST %s HTTP/1.0",
			"Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n", behind, true},
		"CONNECT": {"CONNECT %s HTTP/1.1", "", "", true},
	} {
		for _, path := range []string{"/read", "/silent", "/panics", "/fails", "/unknown"} {
			t.Run(name+" "+path, func(t *testing.T) {
				client := dial(t, srv)
				client.send(t, line(sent.line, path)+"Host: x\r\n"+sent.headers+"\r\n"+sent.body+
					behind)
				first := client.receiveResponse(t)
				// An unread body closes the connection too, whatever its framing.
				last := sent.last || path == "/unknown" && sent.body != ""
				assert.Equal(t, last, first.Close)
				rest, _ := io.ReadAll(client.Reader) // may be reset, because input is left unread
				assert.Equal(t, !last, strings.HasPrefix(string(rest), "HTTP/1.1 200"),
					"what follows the request: %s", rest)
			})
		}
	}
}

// line returns a request line with the given path.
func line(pattern, path string) string {
	before, after, _ := strings.Cut(pattern, "%s")
	return before + path + after + "\r\n"
}
