package harness

import (
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Exit is how a process that could not serve ended.
type Exit struct {
	// Status is the exit status.
	Status int
	// Output is all that it wrote.
	Output string
}

// Listened reports whether the process tried to listen before it ended.
func (e Exit) Listened() bool {
	return strings.Contains(e.Output, "cannot listen") ||
		strings.Contains(e.Output, "service_started")
}

// RunRefused runs the binary with env until it ends. Both of its addresses are held by the test
// meanwhile, so it cannot listen without saying that it could not: that is the proof of Listened.
func RunRefused(t testing.TB, env Env, args ...string) Exit {
	t.Helper()
	return Run(t, env.over(Env{"OFFLOAD_HTTP_ADDR": Hold(t), "OFFLOAD_OPS_ADDR": Hold(t)}), args...)
}

// Run runs the binary with env until it ends.
func Run(t testing.TB, env Env, args ...string) Exit {
	t.Helper()
	p := launch(t, env.anyPorts(), args...)
	status := p.Wait(t)
	return Exit{Status: status, Output: p.Log.Text()}
}

// Hold listens on an address and returns it, so that nobody else can until the test ends.
func Hold(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String()
}
