package proxy

import (
	"bytes"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Server is a proxy that runs.
type Server struct {
	// Addr is where it listens, as host and port.
	Addr    string
	command *exec.Cmd
	log     *log
	ended   chan struct{} // closed once the process has ended
}

// Log is what the proxy has said so far.
func (s *Server) Log() string { return s.log.String() }

// program is a proxy's process before it runs.
type program struct {
	name string // of the program
	part string // of test/parts.sh
	args []string
	env  []string
}

// start starts what prepare makes for an address on host, again where the address was taken, until
// it accepts connections there.
func start(t testing.TB, host string, prepare func(addr, folder string) program) *Server {
	t.Helper()
	var s *Server
	for range 5 {
		s = &Server{Addr: FreeAddress(t, host), log: &log{}, ended: make(chan struct{})}
		s.run(t, prepare(s.Addr, t.TempDir()))
		if s.accepts() {
			t.Cleanup(func() {
				s.kill()
				if t.Failed() {
					t.Logf("%s said:\n%s", filepath.Base(s.command.Path), s.log)
				}
			})
			return s
		}
		s.kill()
	}
	require.Fail(t, "the proxy does not start", "%s", s.log)
	return nil
}

func (s *Server) run(t testing.TB, p program) {
	t.Helper()
	path, libraries := find(t, p)
	s.command = exec.Command(path, p.args...)
	s.command.Env = append([]string{"PATH=" + os.Getenv("PATH")}, append(libraries, p.env...)...)
	s.command.Stdout, s.command.Stderr = s.log, s.log
	require.NoError(t, s.command.Start())
	go func() {
		defer close(s.ended)
		_ = s.command.Wait() // how it ended is of no interest
	}()
}

// accepts waits until a connection is accepted, and reports whether that came before the process
// ended.
func (s *Server) accepts() bool {
	late := time.After(Timeout)
	for {
		conn, err := net.Dial("tcp", s.Addr)
		if err == nil {
			_ = conn.Close()
			return true
		}
		select {
		case <-s.ended:
			return false
		case <-late:
			return false
		case <-time.After(5 * time.Millisecond): // nginx and HAProxy do not say that they serve
		}
	}
}

func (s *Server) kill() {
	_ = s.command.Process.Kill()
	<-s.ended
}

// The ports that are handed out: below those that Linux gives to anyone who leaves the choice to
// it, so that nobody comes to have one by chance.
const firstPort, lastPort = 10000, 32000

// next is the port to try next, less firstPort. It begins anywhere, for other test processes are at
// it too.
var next atomic.Uint32

func init() { next.Store(rand.Uint32N(lastPort - firstPort)) }

// FreeAddress is an address on host, such as 127.0.0.1 or ::1, on which nobody listened a moment
// ago. Nobody gets it a second time soon.
func FreeAddress(t testing.TB, host string) string {
	t.Helper()
	for range lastPort - firstPort {
		port := firstPort + next.Add(1)%(lastPort-firstPort)
		listener, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(int(port))))
		if err == nil {
			_ = listener.Close()
			return listener.Addr().String()
		}
	}
	require.Fail(t, "no port is free", "on %s", host)
	return ""
}

// find is the program, and what its environment needs.
func find(t testing.TB, p program) (path string, env []string) {
	t.Helper()
	if installed, err := exec.LookPath(p.name); err == nil {
		return installed, nil
	}
	_, here, _, _ := runtime.Caller(0)
	// by test/parts.sh, where it may not install
	unpacked := filepath.Join(filepath.Dir(here), "..", "..", "..", ".parts", p.part)
	for _, folder := range []string{"/usr/sbin", "/sbin", filepath.Join(unpacked, "usr", "bin"),
		filepath.Join(unpacked, "usr", "sbin")} {
		if path = filepath.Join(folder, p.name); exists(path) {
			break
		}
	}
	require.FileExists(t, path, "no %s: make parts brings it", p.name)
	libraries, err := filepath.Glob(filepath.Join(unpacked, "usr", "lib", "*-linux-gnu*"))
	require.NoError(t, err)
	more, err := filepath.Glob(filepath.Join(unpacked, "lib", "*-linux-gnu*"))
	require.NoError(t, err)
	return path, []string{"LD_LIBRARY_PATH=" + strings.Join(append(libraries, more...), ":")}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// log is what a proxy says. It is safe for concurrent use.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write takes in what the proxy says.
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

// write puts a file into a folder and returns its path.
func write(t testing.TB, folder, name, content string) string {
	t.Helper()
	path := filepath.Join(folder, name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}
