package server_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/http/server"
)

// listenAt serves the address of each client on a Unix socket at path.
func listenAt(t *testing.T, path string) (*server.Server, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return server.Listen(ctx, "unix:"+path,
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, r.RemoteAddr)
		}), server.Limits{Read: time.Minute, Idle: time.Minute, Connections: 10, PerAddress: 1},
		server.Handshake{}, slog.New(slog.DiscardHandler))
}

// stop shuts s down, and requires that it ended for no other reason.
func stop(t *testing.T, s *server.Server) {
	t.Helper()
	assert.Zero(t, shutdown(s), "no request is in progress")
	assert.ErrorIs(t, receive(t, s.Done()), http.ErrServerClosed)
}

// getAt returns the response of the server on a Unix socket to a client that is bound to a name,
// unless that is empty.
func getAt(t *testing.T, path, bound string) string {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string,
		string) (net.Conn, error) {
		var local *net.UnixAddr
		if bound != "" {
			local = &net.UnixAddr{Name: bound, Net: "unix"}
		}
		return net.DialUnix("unix", local, &net.UnixAddr{Name: path, Net: "unix"})
	}}
	response, err := (&http.Client{Transport: transport, Timeout: time.Minute}).Get("http://x/")
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(text)
}

func TestSocketHasItsModeAndHidesPeers(t *testing.T) {
	t.Chdir(t.TempDir())
	path := filepath.Join(t.TempDir(), "s.sock")
	s, err := listenAt(t, path)
	require.NoError(t, err)
	assert.Equal(t, "unix:"+path, s.Address())
	stat, err := os.Lstat(path)
	require.NoError(t, err)
	assert.Equal(t, os.ModeSocket|0o660, stat.Mode())
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Len(t, entries, 1, "the temporary name is gone")

	assert.Equal(t, server.SocketPeer, getAt(t, path, ""))
	assert.Equal(t, server.SocketPeer, getAt(t, path, "10.0.0.7:80"),
		"a peer does not choose its address")

	_, err = listenAt(t, path)
	require.ErrorContains(t, err, "another process listens on "+path)
	assert.Equal(t, server.SocketPeer, getAt(t, path, ""), "the first one is not disturbed")

	stop(t, s)
	assert.NoFileExists(t, path)
}

func TestSocketReplacesAStaleOneOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.sock")
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	left.SetUnlinkOnClose(false)
	require.NoError(t, left.Close())
	s, err := listenAt(t, path)
	require.NoError(t, err)
	assert.Equal(t, server.SocketPeer, getAt(t, path, ""))

	// A file that took its place by hand is not removed.
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.WriteFile(path, []byte("kept"), 0o600))
	stop(t, s)
	_, err = listenAt(t, path)
	require.ErrorContains(t, err, "is not a socket")
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "kept", string(content))

	_, err = listenAt(t, filepath.Join(t.TempDir(), "none", "s.sock"))
	require.ErrorIs(t, err, os.ErrNotExist)
}
