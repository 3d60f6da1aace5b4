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
	"golang.org/x/sys/unix"

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
	path := filepath.Join(shortDir(t), "http.sock")
	held := listenAtMode(t, path, 0o660)
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

// shortDir returns a folder that every user may enter, whose name leaves room for that of a socket.
func shortDir(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("/tmp", "s") // TMPDIR may be below a closed folder
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	require.NoError(t, os.Chmod(folder, 0o755))
	return folder
}

// listenAtMode returns a socket that listens, as systemd opens it with SocketMode=.
func listenAtMode(t *testing.T, path string, mode os.FileMode) *os.File {
	t.Helper()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	listener.SetUnlinkOnClose(false)
	held := file(t, listener)
	require.NoError(t, listener.Close())
	if !strings.HasPrefix(path, "@") {
		require.NoError(t, os.Chmod(path, mode))
	}
	return held
}

// TestInheritedSocketThatOthersReach passes Unix sockets to which any user can connect, or of which
// that cannot be known. Each peer would be a trusted proxy, so production refuses them, and
// development serves and warns.
func TestInheritedSocketThatOthersReach(t *testing.T) {
	t.Parallel()
	folder := shortDir(t)
	require.NoError(t, os.Mkdir(filepath.Join(folder, "closed"), 0o750))
	env := harness.Env{"OFFLOAD_OPS_ADDR": "127.0.0.1:0"}
	for name, c := range map[string]struct {
		path, says, remedy string
		mode               os.FileMode
		gone               bool
	}{
		"systemd's default": {path: filepath.Join(folder, "default"), mode: 0o666,
			says: "lets every user of this host connect", remedy: "SocketMode=0660"},
		"all rights": {path: filepath.Join(folder, "all"), mode: 0o777,
			says: "lets every user of this host connect", remedy: "SocketGroup="},
		"abstract": {path: "@" + folder,
			says: "any process of this host can connect", remedy: "use a path in ListenStream="},
		"out of sight": {path: filepath.Join(folder, "gone"), mode: 0o660, gone: true,
			says: "mode cannot be read (no such file or directory)", remedy: "BindReadOnlyPaths="},
		"in a closed folder": {path: filepath.Join(folder, "closed", "a"), mode: 0o666},
	} {
		t.Run(name, func(t *testing.T) {
			held := listenAtMode(t, c.path, c.mode)
			if c.gone {
				require.NoError(t, os.Remove(c.path))
			}
			if c.says == "" {
				service := harness.StartActivated(t, harness.Production(env), held)
				assert.NotContains(t, service.Log.Text(), "connect")
				assert.Zero(t, service.Stop(t))
				return
			}
			status, output := harness.FailActivated(t, harness.Production(env), held)
			assert.Equal(t, 1, status)
			assert.NotContains(t, output, "service_started")
			assert.Contains(t, output, "fault: OFFLOAD_HTTP_ADDR (socket of systemd)")
			assert.Contains(t, output, c.says)
			assert.Contains(t, output, c.remedy)

			service := harness.StartActivated(t, harness.Env{"OFFLOAD_ENVIRONMENT": "development"}.
				With(env), held)
			assert.Equal(t, "unix:"+c.path, service.Public)
			assert.Contains(t, service.Log.Text(), c.says)
			if !c.gone && c.mode != 0 {
				assert.Equal(t, 200, issueAt(t, c.path, "install-12345", "203.0.113.1"))
			}
			assert.Zero(t, service.Stop(t))
		})
	}
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
	raw := func(domain, kind int) *os.File {
		descriptor, err := unix.Socket(domain, kind|unix.SOCK_CLOEXEC, 0)
		require.NoError(t, err)
		socket := os.NewFile(uintptr(descriptor), "socket")
		t.Cleanup(func() { _ = socket.Close() })
		return socket
	}
	packets, err := net.ListenUnix("unixpacket", &net.UnixAddr{Net: "unixpacket",
		Name: filepath.Join(shortDir(t), "packets")})
	require.NoError(t, err)
	t.Cleanup(func() { _ = packets.Close() })
	connected, other, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = connected.Close(), other.Close() })
	env := harness.Env{"OFFLOAD_OPS_ADDR": "127.0.0.1:0"}
	for _, c := range []struct {
		sockets []*os.File
		says    string
	}{
		{[]*os.File{open("127.0.0.1:0"), open("127.0.0.1:0")}, "systemd passed 2 sockets"},
		{[]*os.File{file(t, datagrams)}, "does not accept connections"},
		// What net.FileListener takes for a listener, and what is none.
		{[]*os.File{raw(unix.AF_INET, unix.SOCK_STREAM)}, "it does not listen"},
		{[]*os.File{raw(unix.AF_UNIX, unix.SOCK_STREAM)}, "it does not listen"},
		{[]*os.File{file(t, packets)}, "it is not for streams"},
		{[]*os.File{connected}, "does not accept connections"},
		{[]*os.File{open("0.0.0.0:0")}, "OFFLOAD_SESSION_KEYSET_FILE"}, // the rules of production
	} {
		status, output := harness.FailActivated(t, env, c.sockets...)
		assert.Equal(t, 1, status)
		assert.Contains(t, output, c.says)
		assert.Contains(t, output, `"event":"configuration_fault"`, "for a log collector")
		assert.Contains(t, output, "\n  remedy:  ", "for people")
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

// TestInheritedSocketAtTheConfiguredAddress warns of nothing: a unit may name the address of its
// socket for a start without it.
func TestInheritedSocketAtTheConfiguredAddress(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	held := file(t, listener.(*net.TCPListener))
	require.NoError(t, listener.Close())
	service := harness.StartActivated(t, harness.Production(harness.Env{
		"OFFLOAD_OPS_ADDR":  "127.0.0.1:0",
		"OFFLOAD_HTTP_ADDR": listener.Addr().String()}), held)
	assert.Equal(t, listener.Addr().String(), service.Public)
	assert.Empty(t, service.Log.Of("configuration_warning"), "%s", service.Log.Text())
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
