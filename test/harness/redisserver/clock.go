package redisserver

import (
	"context"
	_ "embed" // for clockSource
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// clockSource is a library that steps the clock of the process that loads it. libfaketime would be
// the usual choice, but redis-server does not start under it: its allocator reads the time before
// libfaketime has found the real clock.
//
//go:embed testdata/clock.c
var clockSource []byte

// Clock is the wall clock that a server sees. It starts at the machine's time.
type Clock struct {
	file  string
	ahead time.Duration
}

// StartOnClock starts a server whose wall clock the test steps. It needs a C compiler, as tests
// with -race do.
func StartOnClock(t testing.TB, args ...string) (*Server, *Clock) {
	t.Helper()
	folder := t.TempDir()
	source, library := filepath.Join(folder, "clock.c"), filepath.Join(folder, "clock.so")
	require.NoError(t, os.WriteFile(source, clockSource, 0o600))
	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	defer cancel()
	output, err := exec.CommandContext(ctx, "cc", "-shared", "-fPIC", "-O1", "-o", library,
		source).CombinedOutput()
	require.NoError(t, err, "compile the server's clock: %s", output)
	clock := &Clock{file: filepath.Join(folder, "clock")}
	clock.Step(t, 0)
	return start(t, &Server{ready: ready, args: append([]string{"--save", ""}, args...),
		env: []string{"LD_PRELOAD=" + library, "SERVER_CLOCK=" + clock.file}}), clock
}

// Step moves the clock by d, which may be negative. The server sees the new time at once.
func (c *Clock) Step(t testing.TB, d time.Duration) {
	t.Helper()
	c.ahead += d
	file, err := os.OpenFile(c.file, os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	_, err = file.WriteAt(binary.NativeEndian.AppendUint64(nil, uint64(c.ahead)), 0)
	require.NoError(t, err)
	require.NoError(t, file.Close())
}
