package lifecycle_test

import (
	"debug/elf"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// health runs the health command against an operations listener and returns its output and its exit
// status. A nil command is that of the binary where it is.
func health(t *testing.T, command *exec.Cmd, ops string, args ...string) (string, int) {
	t.Helper()
	if command == nil {
		command = exec.Command(harness.Binary(t))
	}
	command.Args = append([]string{"sessiond", "health"}, args...)
	command.Env = []string{"OFFLOAD_OPS_ADDR=" + ops}
	out, err := command.Output()
	if err != nil {
		require.ErrorAs(t, err, new(*exec.ExitError))
	}
	return string(out), command.ProcessState.ExitCode()
}

// TestHealth also shows that serve does what the program does without a command.
func TestHealth(t *testing.T) {
	service := harness.Start(t, harness.Env{"OFFLOAD_SHUTDOWN_DELAY_SECONDS": "3600"}, "serve")
	out, status := health(t, nil, service.Ops)
	assert.Equal(t, "healthy: http://"+service.Ops+"/livez answered 200\n", out)
	assert.Zero(t, status)
	out, status = health(t, nil, service.Ops, "--ready")
	assert.Equal(t, "healthy: http://"+service.Ops+"/readyz answered 200\n", out)
	assert.Zero(t, status)
	out, status = health(t, nil, service.Ops, "--format", "json")
	assert.JSONEq(t, `{"healthy":true,"url":"http://`+service.Ops+
		`/livez","status":200,"failing":[]}`, out)
	assert.Zero(t, status)

	// While it stops, it is alive and not ready.
	service.Terminate(t)
	harness.Poll(t, "the service is not ready", func() bool {
		out, status = health(t, nil, service.Ops, "--ready")
		return status == 1
	})
	assert.Equal(t, "not healthy: http://"+service.Ops+"/readyz answered 503: service\n", out)
	_, status = health(t, nil, service.Ops)
	assert.Zero(t, status)
}

// TestEmptyRoot runs the binary where there is no other file: no libraries, no shell, no /etc.
func TestEmptyRoot(t *testing.T) {
	service := harness.Start(t, nil)
	root := t.TempDir()
	copyTo(t, harness.Binary(t), filepath.Join(root, "sessiond"))
	inRoot := func() *exec.Cmd {
		command := exec.Command("/sessiond")
		command.Dir = "/"
		command.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
		if os.Getuid() != 0 {
			command.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
			command.SysProcAttr.UidMappings = []syscall.SysProcIDMap{
				{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		}
		return command
	}
	try := inRoot()
	try.Args = []string{"sessiond", "version"}
	if err := try.Run(); err != nil {
		// Not every machine lets a user have a root of its own.
		require.ErrorIs(t, err, syscall.EPERM)
		assertStatic(t, harness.Binary(t))
		return
	}
	out, status := health(t, inRoot(), service.Ops)
	assert.Equal(t, "healthy: http://"+service.Ops+"/livez answered 200\n", out)
	assert.Zero(t, status)
	check := inRoot()
	check.Args = []string{"sessiond", "check"}
	check.Env = []string{}
	written, err := check.CombinedOutput()
	assert.NoError(t, err, "%s", written)
}

// TestMakeBuildsAsTheHarness checks that the binary that is installed is built as the one that the
// tests use.
func TestMakeBuildsAsTheHarness(t *testing.T) {
	assertStatic(t, harness.Binary(t))
	command := exec.Command("make", "-n", "build")
	command.Dir = "../../.."
	recipe, err := command.Output()
	require.NoError(t, err)
	assert.Contains(t, string(recipe), "CGO_ENABLED=0 ")
}

// assertStatic checks that a binary needs no interpreter and no library.
func assertStatic(t *testing.T, name string) {
	t.Helper()
	file, err := elf.Open(name)
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	for _, segment := range file.Progs {
		assert.NotEqual(t, elf.PT_INTERP, segment.Type)
		assert.NotEqual(t, elf.PT_DYNAMIC, segment.Type)
	}
}

func copyTo(t *testing.T, from, to string) {
	t.Helper()
	source, err := os.Open(from)
	require.NoError(t, err)
	defer func() { _ = source.Close() }()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o755)
	require.NoError(t, err)
	_, err = io.Copy(target, source)
	require.NoError(t, err)
	require.NoError(t, target.Close())
}
