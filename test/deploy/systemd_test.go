package deploy

import (
	"fmt"
	"net"
	"net/netip"
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

// TestUnitsAreValid has systemd itself read the units.
func TestUnitsAreValid(t *testing.T) {
	// The program must exist for the check.
	folder := t.TempDir()
	for _, path := range []string{serviceUnit, socketUnit} {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		changed := strings.Replace(string(text), "ExecStart=/usr/local/bin/sessiond",
			"ExecStart="+harness.Binary(t), 1)
		require.NoError(t, os.WriteFile(filepath.Join(folder, filepath.Base(path)),
			[]byte(changed), 0o644))
	}
	output, err := systemd(t, "verify", "--man=no", "--generators=no",
		filepath.Join(folder, "sessiond.service"), filepath.Join(folder, "sessiond.socket"))
	require.NoError(t, err, "%s", output)
	assert.NotContains(t, output, "sessiond.", "a line that systemd would ignore")
}

// TestUnitIsHardened bounds the exposure that systemd computes: 2.0 of 10.
func TestUnitIsHardened(t *testing.T) {
	output, err := systemd(t, "security", "--offline=true", "--threshold=20", serviceUnit)
	require.NoError(t, err, "%s", output)
	assert.Contains(t, output, "Overall exposure level for sessiond.service")
	service := readUnit(t, serviceUnit)
	assert.Equal(t, "yes", service.one(t, "Service.NoNewPrivileges"))
	assert.Equal(t, "0", service.one(t, "Service.LimitCORE"))
	assert.Equal(t, "always", service.one(t, "Service.Restart"))
	assert.NotEmpty(t, service.one(t, "Service.MemoryMax"))
}

// TestUnitServes starts the service as systemd does under these units: with their environment, a
// credential, the socket, the limit of files, another user and the filter of system calls. It
// reports to the socket that stands for systemd's.
func TestUnitServes(t *testing.T) {
	service, socket := readUnit(t, serviceUnit), readUnit(t, socketUnit)
	folder := publicDir(t)
	credentials := filepath.Join(folder, "credentials")
	require.NoError(t, os.Mkdir(credentials, 0o700))
	own(t, credentials, nonroot)
	name, _, _ := strings.Cut(service.one(t, "Service.LoadCredential"), ":")
	keyset := filepath.Join(credentials, name)
	require.NoError(t, os.WriteFile(keyset, createKeyset(t), 0o400))
	own(t, keyset, nonroot)

	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{
		Name: filepath.Join(folder, "notify"), Net: "unixgram"})
	require.NoError(t, err)
	defer func() { _ = manager.Close() }()
	require.NoError(t, os.Chmod(filepath.Join(folder, "notify"), 0o777))

	env := harness.Env{"NOTIFY_SOCKET": filepath.Join(folder, "notify"),
		"CREDENTIALS_DIRECTORY": credentials, "LISTEN_FDS": "1",
		"OFFLOAD_OPS_ADDR": "127.0.0.1:0", "OFFLOAD_LOG_LEVEL": "debug"}
	for _, line := range service["Service.Environment"] {
		variable, value, _ := strings.Cut(line, "=")
		env[variable] = strings.ReplaceAll(value, "%d", credentials)
	}
	// Without the socket unit, the service listens where that would.
	stream := socket.one(t, "Socket.ListenStream")
	assert.Equal(t, stream, env["OFFLOAD_HTTP_ADDR"])
	assert.Equal(t, "0660", socket.one(t, "Socket.SocketMode"))
	held, address := listen(t, stream)
	env["OFFLOAD_HTTP_ADDR"] = address
	assert.Equal(t, "/usr/local/bin/sessiond", service.one(t, "Service.ExecStart"))
	var files uint64
	_, err = fmt.Sscan(service.one(t, "Service.LimitNOFILE"), &files)
	require.NoError(t, err)
	command := sandbox{Args: []string{"/bin/sh", "-c", `LISTEN_PID=$$ exec "$0"`, publicBinary(t, folder)},
		User: nonroot, Files: files,
		Calls: calls(t, service["Service.SystemCallFilter"])}.command(t)
	command.ExtraFiles = []*os.File{held}

	process := harness.StartCommand(t, env, command)
	next := func(wanted string) {
		t.Helper()
		require.NoError(t, manager.SetReadDeadline(time.Now().Add(harness.Timeout)))
		buffer := make([]byte, 4096)
		n, err := manager.Read(buffer)
		require.NoError(t, err, "waiting until the service reports %s", wanted)
		assert.Equal(t, wanted, strings.SplitN(string(buffer[:n]), "\n", 2)[0])
	}
	assert.Equal(t, "notify", service.one(t, "Service.Type"))
	next("READY=1")
	assert.Empty(t, process.Log.Of("configuration_warning"))
	process.RequireHealthy(t)
	process.Issue(t, "install-12345")
	assert.Equal(t, "/bin/kill -HUP $MAINPID", service.one(t, "Service.ExecReload"))
	process.Signal(t, syscall.SIGHUP)
	next("RELOADING=1")
	next("READY=1")
	assert.Zero(t, process.Stop(t))
	next("STOPPING=1")
}

// listen opens the socket of a ListenStream= line, at a free port, and returns its address. The
// line must name a loopback address, because the service speaks plain HTTP there.
func listen(t *testing.T, stream string) (file *os.File, address string) {
	t.Helper()
	named, err := netip.ParseAddrPort(stream)
	require.NoError(t, err)
	require.True(t, named.Addr().IsLoopback(), stream)
	listener, err := net.Listen("tcp", netip.AddrPortFrom(named.Addr(), 0).String())
	require.NoError(t, err)
	file, err = listener.(*net.TCPListener).File()
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	t.Cleanup(func() { _ = file.Close() })
	return file, listener.Addr().String()
}
