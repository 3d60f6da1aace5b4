package lifecycle_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// manager stands for systemd: it receives what the service reports.
type manager struct {
	*net.UnixConn
	path string
}

func newManager(t *testing.T) manager {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return manager{conn, path}
}

// next returns the next report.
func (m manager) next(t *testing.T, wanted string) string {
	t.Helper()
	require.NoError(t, m.SetReadDeadline(time.Now().Add(harness.Timeout)))
	buffer := make([]byte, 4096)
	n, err := m.Read(buffer)
	require.NoError(t, err, "waiting until the service reports %s", wanted)
	return string(buffer[:n])
}

// TestReportsToTheServiceManager reads what systemd reads under Type=notify.
func TestReportsToTheServiceManager(t *testing.T) {
	t.Parallel()
	systemd := newManager(t)
	service := harness.Start(t, harness.Env{"NOTIFY_SOCKET": systemd.path})
	assert.Equal(t, "READY=1", systemd.next(t, "READY"))
	service.RequireHealthy(t)

	service.Signal(t, syscall.SIGHUP)
	reloading := systemd.next(t, "RELOADING")
	assert.Regexp(t, `^RELOADING=1\nMONOTONIC_USEC=[0-9]+\n$`, reloading)
	assert.Equal(t, "READY=1", systemd.next(t, "READY again"))

	service.Terminate(t)
	assert.Equal(t, "STOPPING=1", systemd.next(t, "STOPPING"))
	assert.Zero(t, service.Wait(t))
}

// TestServesWithoutItsServiceManager starts the service with a variable that another process left.
func TestServesWithoutItsServiceManager(t *testing.T) {
	t.Parallel()
	for _, name := range []string{filepath.Join(t.TempDir(), "gone"), "@gone", "vsock:2:1", "x"} {
		service := harness.Start(t, harness.Env{"NOTIFY_SOCKET": name})
		service.RequireHealthy(t)
		assert.Zero(t, service.Stop(t))
	}
}

// file returns the descriptor of a listener, as systemd holds it.
func file(t *testing.T, listener interface{ File() (*os.File, error) }) *os.File {
	t.Helper()
	held, err := listener.File()
	require.NoError(t, err)
	t.Cleanup(func() { _ = held.Close() })
	return held
}

// TestInheritsASocket restarts the service on a socket that stays open. A client that connects
// while no process serves is served by the next one.
func TestInheritsASocket(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	held := file(t, listener.(*net.TCPListener))
	require.NoError(t, listener.Close())
	address := listener.Addr().String()
	env := harness.Env{"OFFLOAD_OPS_ADDR": "127.0.0.1:0"}

	first := harness.StartActivated(t, env, held)
	assert.Equal(t, address, first.Public)
	first.RequireHealthy(t)
	assert.Zero(t, first.Stop(t))

	early, err := net.Dial("tcp", address)
	require.NoError(t, err, "the socket listens between two processes")
	defer func() { _ = early.Close() }()
	_, err = early.Write([]byte("GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n"))
	require.NoError(t, err)
	second := harness.StartActivated(t, env, held)
	require.NoError(t, early.SetReadDeadline(time.Now().Add(harness.Timeout)))
	answer := make([]byte, 12)
	_, err = early.Read(answer)
	require.NoError(t, err)
	assert.Equal(t, "HTTP/1.1 200", string(answer))
	assert.Zero(t, second.Stop(t))
	assert.NotContains(t, second.Log.Text(), "has no effect")
}

// TestInheritsAUnixSocket checks that its peers are trusted like those of a socket of the service's
// own, and that the service leaves the file alone.
func TestInheritsAUnixSocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "http.sock")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	listener.SetUnlinkOnClose(false)
	held := file(t, listener)
	require.NoError(t, listener.Close())
	service := harness.StartActivated(t, harness.Production(harness.Env{
		"OFFLOAD_OPS_ADDR": "127.0.0.1:0", "OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP": "1"}), held)
	assert.Equal(t, "unix:"+path, service.Public)
	for _, client := range []string{"203.0.113.1", "203.0.113.2"} {
		assert.Equal(t, 200, issueAt(t, path, "install-"+client, client))
		assert.Equal(t, 429, issueAt(t, path, "install-"+client, client))
	}
	assert.Zero(t, service.Stop(t))
	assert.FileExists(t, path)
}

// TestInheritedSocketsThatAreRefused starts the service with sockets that it cannot serve on.
func TestInheritedSocketsThatAreRefused(t *testing.T) {
	t.Parallel()
	open := func(address string) *os.File {
		listener, err := net.Listen("tcp", address)
		require.NoError(t, err)
		t.Cleanup(func() { _ = listener.Close() })
		return file(t, listener.(*net.TCPListener))
	}
	datagrams, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	t.Cleanup(func() { _ = datagrams.Close() })
	env := harness.Env{"OFFLOAD_OPS_ADDR": "127.0.0.1:0"}
	for _, c := range []struct {
		sockets []*os.File
		says    string
	}{
		{[]*os.File{open("127.0.0.1:0"), open("127.0.0.1:0")}, "systemd passed 2 sockets"},
		{[]*os.File{file(t, datagrams)}, "does not accept connections"},
		{[]*os.File{open("0.0.0.0:0")}, "OFFLOAD_SESSION_KEYSET_FILE"}, // the rules of production
	} {
		status, output := harness.FailActivated(t, env, c.sockets...)
		assert.Equal(t, 1, status)
		assert.Contains(t, output, c.says)
		assert.False(t, strings.Contains(output, "service_started"))
	}
}

// TestInheritedSocketTakesThePlaceOfAnAddress warns of a variable that has no effect.
func TestInheritedSocketTakesThePlaceOfAnAddress(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	held := file(t, listener.(*net.TCPListener))
	require.NoError(t, listener.Close())
	service := harness.StartActivated(t, harness.Env{"OFFLOAD_OPS_ADDR": "127.0.0.1:0",
		"OFFLOAD_HTTP_ADDR": "127.0.0.1:1"}, held)
	assert.Equal(t, listener.Addr().String(), service.Public)
	assert.Contains(t, service.Log.Text(), "has no effect: systemd passed a socket, on "+
		listener.Addr().String())
	assert.Zero(t, service.Stop(t))
}

// TestStopsWhileTheManagerDoesNotRead fills the socket of a manager before the start.
func TestStopsWhileTheManagerDoesNotRead(t *testing.T) {
	t.Parallel()
	address := &net.UnixAddr{Name: filepath.Join(t.TempDir(), "notify"), Net: "unixgram"}
	manager, err := net.ListenUnixgram("unixgram", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = manager.Close() })
	other, err := net.DialUnix("unixgram", nil, address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = other.Close() })
	for full := false; !full; {
		require.NoError(t, other.SetWriteDeadline(time.Now().Add(100*time.Millisecond)))
		_, err := other.Write([]byte("full"))
		full = errors.Is(err, os.ErrDeadlineExceeded)
		require.True(t, full || err == nil, "%v", err)
	}
	service := harness.Start(t, harness.Env{"NOTIFY_SOCKET": address.Name})
	assert.Equal(t, 200, service.Issue(t, "install-12345").Status)
	assert.Zero(t, service.Stop(t))
}
