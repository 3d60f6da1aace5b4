package proxy

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness/freeport"
	"github.com/offload/sessiond/test/harness/parts"
)

// Server is a running proxy.
type Server struct {
	// Addr is the listen address, as host and port.
	Addr    string
	command *exec.Cmd
	log     *log
	ended   chan struct{} // closed when the process has exited
}

// Log returns what the proxy has written so far.
func (s *Server) Log() string { return s.log.String() }

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
		s = &Server{Addr: freeport.Address(t, host), log: &log{}, ended: make(chan struct{})}
		s.run(t, prepare(s.Addr, t.TempDir()))
		if s.accepts() {
			t.Cleanup(func() {
				s.kill()
				if t.Failed() {
					t.Logf("log of %s:\n%s", filepath.Base(s.command.Path), s.log)
				}
			})
			return s
		}
		s.kill()
	}
	require.Fail(t, "the proxy did not start", "%s", s.log)
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
	s.command = exec.Command(path, p.args...)
	s.command.Env = append([]string{"PATH=" + os.Getenv("PATH")}, append(libraries, p.env...)...)
	s.command.Stdout, s.command.Stderr = s.log, s.log
	// A child of the proxy may outlive it for a moment, and hold its output open.
	s.command.WaitDelay = outputDelay
	require.NoError(t, s.command.Start())
	go func() {
		defer close(s.ended)
		_ = s.command.Wait() // the exit status does not matter
	}()
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
		case <-s.ended:
			return false
		case <-timeout:
			return false
		case <-time.After(5 * time.Millisecond): // nginx and HAProxy do not report that they serve
		}
	}
}

func (s *Server) kill() {
	_ = s.command.Process.Kill()
	select {
	case <-s.ended:
	case <-time.After(Timeout):
		panic("timed out waiting for the end of a proxy that was killed:\n" + s.Log())
	}
}

// outputDelay is how long the output of a proxy that has ended is waited for at most.
const outputDelay = 10 * time.Second

// log collects the output of a proxy. It is safe for concurrent use.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *log) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(text)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// write creates a file in folder and returns its path.
func write(t testing.TB, folder, name, content string) string {
	t.Helper()
	path := filepath.Join(folder, name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}
