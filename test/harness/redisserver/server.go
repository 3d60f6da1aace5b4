package redisserver

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness/child"
	"github.com/offload/sessiond/test/harness/freeport"
	"github.com/offload/sessiond/test/harness/parts"
)

// Server is a redis-server process. Its methods are for the test's goroutine.
type Server struct {
	*child.Process // the one that was started last
	// Port is the server's port on 127.0.0.1; it stays the same over restarts.
	Port   int
	folder string
	args   []string
	ports  map[string]int // further ports, by the option that sets them
	env    []string
	ready  string // what it logs once it serves
	hung   bool   // between Hang and Resume
}

// ready is what a server logs once it serves.
const ready = "Ready to accept connections"

// Start starts a server with command-line arguments. Unless they say otherwise, it keeps nothing on
// disk.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	return start(t, &Server{ready: ready, args: append([]string{"--save", ""}, args...)})
}

// start starts the server that s describes, with a port for each option that s.ports names.
func start(t testing.TB, s *Server) *Server {
	t.Helper()
	s.folder = t.TempDir()
	for range 10 { // another process may take a free port before the server listens on it
		s.Port = freePort(t)
		for option := range s.ports {
			s.ports[option] = freePort(t)
		}
		if s.launch(t) {
			t.Cleanup(func() { s.Kill() })
			return s
		}
	}
	require.Fail(t, "the server did not start", "%s", s.Log())
	return nil
}

// Addr returns the server's host and port.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)) }

// URL returns the server's URL, without a password.
func (s *Server) URL() string { return "redis://" + s.Addr() }

// Hang suspends the server until Resume: its connections stay open, and it answers nothing.
func (s *Server) Hang(t testing.TB) {
	t.Helper()
	s.hung = true
	s.Signal(t, syscall.SIGSTOP)
}

// Resume ends Hang.
func (s *Server) Resume(t testing.TB) {
	t.Helper()
	s.hung = false
	s.Signal(t, syscall.SIGCONT)
}

// Restart kills the server, if it runs, and starts it with the data that it has on disk.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.Kill()
	s.relaunch(t)
}

// relaunch starts the server again, on the same ports. Something may use one of them for a moment.
func (s *Server) relaunch(t testing.TB) {
	t.Helper()
	deadline := time.Now().Add(Timeout)
	for !s.launch(t) {
		require.True(t, time.Now().Before(deadline), "timed out starting the server again: %s", s.Log())
		time.Sleep(20 * time.Millisecond)
	}
}

// RestartEmpty kills the server, if it runs, and starts it without data.
func (s *Server) RestartEmpty(t testing.TB) {
	t.Helper()
	s.Kill()
	entries, err := os.ReadDir(s.folder)
	require.NoError(t, err)
	for _, entry := range entries {
		require.NoError(t, os.RemoveAll(filepath.Join(s.folder, entry.Name())))
	}
	s.relaunch(t)
}

// Client returns a client of this server only, even where it is a node of a Cluster. It is closed
// when the test ends.
func (s *Server) Client(t testing.TB) rueidis.Client {
	t.Helper()
	client := s.connect(t)
	t.Cleanup(client.Close)
	return client
}

func (s *Server) connect(t testing.TB) rueidis.Client {
	t.Helper()
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{s.Addr()}, DisableCache: true, ForceSingleClient: true,
		Dialer: net.Dialer{Timeout: Timeout}, ConnWriteTimeout: Timeout,
	})
	require.NoError(t, err, "connect to the server at %s", s.Addr())
	return client
}

// Do sends the server one command, which must succeed, and returns the reply.
func (s *Server) Do(t testing.TB, command ...string) rueidis.RedisMessage {
	t.Helper()
	client := s.connect(t)
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	defer cancel()
	answer, err := client.Do(ctx, client.B().Arbitrary(command...).Build()).ToMessage()
	if !rueidis.IsRedisNil(err) {
		require.NoError(t, err, "%s", strings.Join(command, " "))
	}
	return answer
}

// launch starts the process and reports whether it began to serve.
func (s *Server) launch(t testing.TB) bool {
	t.Helper()
	program, libraries, err := parts.Find("redis", "redis-server")
	require.NoError(t, err)
	args := append(slices.Clone(s.args), "--port", strconv.Itoa(s.Port), "--bind", "127.0.0.1",
		"--dir", s.folder, "--daemonize", "no")
	for option, port := range s.ports {
		args = append(args, option, strconv.Itoa(port))
	}
	command := exec.Command(program, args...)
	command.Env = slices.Concat(os.Environ(), libraries, s.env)
	s.Process, s.hung = child.Start(t, command), false
	if s.Wrote(s.ready, Timeout) {
		return true
	}
	s.Kill()
	return false
}

// freePort returns a port that was free a moment ago.
func freePort(t testing.TB) int {
	t.Helper()
	_, port, err := net.SplitHostPort(freeport.Address(t, "127.0.0.1"))
	require.NoError(t, err)
	number, err := strconv.Atoi(port)
	require.NoError(t, err)
	return number
}
