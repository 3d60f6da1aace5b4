package proxy

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness/child"
	"github.com/offload/sessiond/test/harness/freeport"
	"github.com/offload/sessiond/test/harness/parts"
)

// Server is a running proxy.
type Server struct {
	*child.Process
	// Addr is the listen address, as host and port.
	Addr string
}

// program describes the process of a proxy.
type program struct {
	name string // of the executable
	part string // name in test/parts.sh
	// pinned means that the version of test/parts.sh is used, whatever is installed.
	pinned bool
	args   []string
	env    []string
}

// start starts the program that prepare returns for an address on host and waits until it accepts
// connections. If the program exits, for example because the address was taken, start tries again
// with another one.
func start(t testing.TB, host string, prepare func(addr, folder string) program) *Server {
	t.Helper()
	var s *Server
	for range 5 {
		s = &Server{Addr: freeport.Address(t, host)}
		s.run(t, prepare(s.Addr, t.TempDir()))
		if s.accepts() {
			t.Cleanup(func() {
				s.Kill()
				if t.Failed() {
					t.Logf("log of the proxy at %s:\n%s", s.Addr, s.Log())
				}
			})
			return s
		}
		s.Kill()
	}
	require.Fail(t, "the proxy did not start", "%s", s.Log())
	return nil
}

func (s *Server) run(t testing.TB, p program) {
	t.Helper()
	find := parts.Find
	if p.pinned {
		find = parts.FindPinned
	}
	path, libraries, err := find(p.part, p.name)
	require.NoError(t, err)
	command := exec.Command(path, p.args...)
	command.Env = append([]string{"PATH=" + os.Getenv("PATH")}, append(libraries, p.env...)...)
	s.Process = child.Start(t, command)
}

// accepts waits until a connection is accepted. It returns false if the process exits first or
// Timeout passes.
func (s *Server) accepts() bool {
	timeout := time.After(Timeout)
	for {
		conn, err := net.DialTimeout("tcp", s.Addr, Timeout)
		if err == nil {
			_ = conn.Close()
			return true
		}
		select {
		case <-s.Ended:
			return false
		case <-timeout:
			return false
		case <-time.After(5 * time.Millisecond): // nginx and HAProxy do not report that they serve
		}
	}
}

// write creates a file in folder and returns its path.
func write(t testing.TB, folder, name, content string) string {
	t.Helper()
	path := filepath.Join(folder, name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}
