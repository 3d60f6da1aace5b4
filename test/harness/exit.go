package harness

import (
	"net"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Exit is the result of a process that ran to its end.
type Exit struct {
	// Status is the exit status.
	Status int
	// Output is everything it wrote to standard output and standard error.
	Output string
}

// Listened reports whether the process tried to listen before it exited.
func (e Exit) Listened() bool {
	return strings.Contains(e.Output, "cannot listen") ||
		strings.Contains(e.Output, "service_started")
}

// RunRefused runs the binary with env until it exits. The test holds both of its addresses
// meanwhile, so that an attempt to listen fails and is reported: Listened relies on that.
func RunRefused(t testing.TB, env Env, args ...string) Exit {
	t.Helper()
	held := Env{"OFFLOAD_HTTP_ADDR": OccupyAddress(t), "OFFLOAD_OPS_ADDR": OccupyAddress(t)}
	return Run(t, held.With(env), args...)
}

// Run runs the binary with env until it exits.
func Run(t testing.TB, env Env, args ...string) Exit {
	t.Helper()
	return RunOther(t, Binary(t), env, args...)
}

// RunOther runs the binary of another version with env until it exits.
func RunOther(t testing.TB, binary string, env Env, args ...string) Exit {
	t.Helper()
	p := run(t, env.toServe(), exec.Command(binary, args...))
	status := p.Wait(t)
	return Exit{Status: status, Output: p.Log.Text()}
}

// OccupyAddress listens on an address and returns it. No other listener can use it until the test
// ends.
func OccupyAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String()
}

// AssertRefused fails unless the process exited with status 1 without opening a socket or printing
// part of a secret in env.
func AssertRefused(t testing.TB, exit Exit, env Env) {
	t.Helper()
	assert.Equal(t, 1, exit.Status)
	assert.False(t, exit.Listened(), "%s", exit.Output)
	AssertNoSecret(t, exit.Output, env)
}
