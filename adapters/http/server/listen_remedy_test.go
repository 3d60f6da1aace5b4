package server_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/http/server"
)

// TestListenRemedies checks that each error of the system has a remedy that fits it.
func TestListenRemedies(t *testing.T) {
	t.Parallel()
	failed := func(err error) error {
		return &net.OpError{Op: "listen", Net: "tcp", Err: os.NewSyscallError("bind", err)}
	}
	for _, c := range []struct {
		address string
		err     error
		says    string
	}{
		{"127.0.0.1:8080", failed(syscall.EADDRINUSE), "ss -ltnp"},
		{"192.0.2.1:8080", failed(syscall.EADDRNOTAVAIL), "an address of this host"},
		{"[::1]:8080", failed(syscall.EAFNOSUPPORT), "no IPv6"},
		{"name:8080", &net.OpError{Op: "listen", Err: &net.DNSError{Name: "name"}},
			"in place of the name"},
		{":80", failed(syscall.EACCES), "CAP_NET_BIND_SERVICE"},
		{":1023", failed(syscall.EPERM), "CAP_NET_BIND_SERVICE"},
		{":1024", failed(syscall.EACCES), "SELinux"},
		{":0", failed(syscall.EACCES), "SELinux"},
		{":8080", errors.New("anything else"), "another address"},
		{"unix:/run/a/http.sock", failed(syscall.ENOENT), "create its folder"},
		{"unix:/run/a/http.sock", failed(syscall.ENOTDIR), "create its folder"},
		{"unix:/run/a/http.sock", failed(syscall.EACCES), "write to its folder"},
		{"unix:/usr/http.sock", failed(syscall.EROFS), "below /run"},
		{"unix:/run/a/http.sock", failed(syscall.EIO), "another path"},
	} {
		assert.Contains(t, server.ListenRemedy(c.address, c.err), c.says, "%s: %v", c.address, c.err)
	}
}

// TestOccupiedPathNeedsNoRemedy checks that an error which says what to do gets no second remedy.
func TestOccupiedPathNeedsNoRemedy(t *testing.T) {
	t.Parallel()
	path := filepath.Join(shortDir(t), "file")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	_, err := server.Listen(context.Background(), "unix:"+path, nil, server.Limits{},
		server.Handshake{}, nil)
	require.ErrorContains(t, err, "remove it, or use another path")
	assert.Empty(t, server.ListenRemedy("unix:"+path, err))
}

// shortDir returns a folder that others may enter. Its name is short, so that the path of a socket
// in it is within the limit of the system.
func shortDir(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("/tmp", "s") // TMPDIR may be below a closed folder
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	require.NoError(t, os.Chmod(folder, 0o755))
	return folder
}

// TestOpenToOthersNeedsEveryMode checks that others can connect only if the modes of the socket and
// of all its folders let them.
func TestOpenToOthersNeedsEveryMode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		socket, folder fs.FileMode
		open           bool
	}{
		{0o666, 0o755, true},
		{0o777, 0o711, true},
		{0o602, 0o755, true},
		{0o660, 0o755, false},
		{0o664, 0o755, false}, // connecting takes the right to write
		{0o755, 0o755, false},
		{0o666, 0o750, false},
		{0o666, 0o754, false}, // listing a folder is not entering it
	} {
		folder := filepath.Join(shortDir(t), "run")
		require.NoError(t, os.Mkdir(folder, 0o755))
		path := filepath.Join(folder, "http.sock")
		listener, err := net.Listen("unix", path)
		require.NoError(t, err)
		require.NoError(t, os.Chmod(path, c.socket))
		require.NoError(t, os.Chmod(folder, c.folder))
		open, err := server.OpenToOthers(path)
		require.NoError(t, err)
		assert.Equal(t, c.open, open, "socket %o in folder %o", c.socket, c.folder)
		require.NoError(t, os.Chmod(folder, 0o755))
		require.NoError(t, listener.Close())
		_, err = server.OpenToOthers(path)
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.NoError(t, os.WriteFile(path, nil, 0o600))
		_, err = server.OpenToOthers(path)
		require.ErrorContains(t, err, "not a socket")
	}
}

// TestClosedFolderIsAnError checks that a folder which this process may not search does not count
// as closed to others. As root the process may search every folder.
func TestClosedFolderIsAnError(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(shortDir(t), "closed")
	require.NoError(t, os.Mkdir(folder, 0o755))
	listener, err := net.Listen("unix", filepath.Join(folder, "http.sock"))
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	require.NoError(t, os.Chmod(folder, 0))
	defer func() { _ = os.Chmod(folder, 0o700) }()
	open, err := server.OpenToOthers(filepath.Join(folder, "http.sock"))
	assert.False(t, open)
	if os.Getuid() != 0 {
		assert.ErrorIs(t, err, fs.ErrPermission)
	}
}
