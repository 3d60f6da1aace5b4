package redisserver

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/redis/rueidis"
	"github.com/stretchr/testify/require"
)

// Server is a redis-server. Its methods are for the test's goroutine.
type Server struct {
	// Port is the server's, on 127.0.0.1; it stays the same over restarts.
	Port    int
	folder  string
	args    []string
	env     []string
	ready   string // what it says when it serves
	command *exec.Cmd
	log     *log
	ended   chan struct{} // closed once the process has ended
}

// ready is what a server says when it serves.
const ready = "Ready to accept connections"

// Start starts a server that keeps nothing on disk, but for what args say, which are as on the
// command line.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	return start(t, ready, append([]string{"--save", ""}, args...))
}

// start starts a server that says ready when it serves. env is more than its environment has
// anyway.
func start(t testing.TB, ready string, args []string, env ...string) *Server {
	t.Helper()
	s := &Server{folder: t.TempDir(), args: args, env: env, ready: ready}
	for range 10 { // a port that was free may be taken by the time that the server comes to it
		s.Port = freePort(t)
		if s.launch(t) {
			t.Cleanup(func() { s.Kill() })
			return s
		}
	}
	require.Fail(t, "the server does not start", "%s", s.log)
	return nil
}

// Addr is the server's address.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)) }

// URL is the server's URL, without a password.
func (s *Server) URL() string { return "redis://" + s.Addr() }

// Log is what the server has said since its last start.
func (s *Server) Log() string { return s.log.String() }

// Kill ends the server with nothing done, if it runs.
func (s *Server) Kill() {
	_ = s.command.Process.Kill()
	<-s.ended
}

// Running reports whether the server runs, be it that it hangs.
func (s *Server) Running() bool {
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}

// Hang stops the server where it is: its connections stand, and nothing is answered, until Resume.
func (s *Server) Hang(t testing.TB) {
	t.Helper()
	require.NoError(t, s.command.Process.Signal(syscall.SIGSTOP))
}

// Resume lets a server that hangs go on.
func (s *Server) Resume(t testing.TB) {
	t.Helper()
	require.NoError(t, s.command.Process.Signal(syscall.SIGCONT))
}

// Restart kills the server, if it runs, and starts it on what it has on disk.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.Kill()
	require.True(t, s.launch(t), "the server does not start again: %s", s.log)
}

// RestartEmpty kills the server, if it runs, and starts it with nothing.
func (s *Server) RestartEmpty(t testing.TB) {
	t.Helper()
	s.Kill()
	entries, err := os.ReadDir(s.folder)
	require.NoError(t, err)
	for _, entry := range entries {
		require.NoError(t, os.RemoveAll(filepath.Join(s.folder, entry.Name())))
	}
	require.True(t, s.launch(t), "the server does not start again: %s", s.log)
}

// Client is a client of the server alone, also where that is a Cluster's node. It closes with the
// test.
func (s *Server) Client(t testing.TB) rueidis.Client {
	t.Helper()
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{s.Addr()},
		DisableCache: true, ForceSingleClient: true})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

// Do gives the server one command, which must succeed, and returns its answer.
func (s *Server) Do(t testing.TB, command ...string) rueidis.RedisMessage {
	t.Helper()
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{s.Addr()},
		DisableCache: true, ForceSingleClient: true})
	require.NoError(t, err)
	defer client.Close()
	answer, err := client.Do(context.Background(),
		client.B().Arbitrary(command...).Build()).ToMessage()
	if !rueidis.IsRedisNil(err) {
		require.NoError(t, err, "%s", strings.Join(command, " "))
	}
	return answer
}

// launch starts the process, and reports whether it came to serve.
func (s *Server) launch(t testing.TB) bool {
	t.Helper()
	program, libraries := find(t)
	args := append(slices.Clone(s.args), "--port", strconv.Itoa(s.Port), "--bind", "127.0.0.1",
		"--dir", s.folder, "--daemonize", "no")
	s.command = exec.Command(program, args...)
	s.command.Env = slices.Concat(os.Environ(), libraries, s.env)
	s.log, s.ended = newLog(), make(chan struct{})
	s.command.Stdout, s.command.Stderr = s.log, s.log
	require.NoError(t, s.command.Start())
	go func(command *exec.Cmd, ended chan struct{}) {
		defer close(ended)
		_ = command.Wait() // how it ended is of no interest
	}(s.command, s.ended)
	if s.log.await(s.ready, s.ended) {
		return true
	}
	s.Kill()
	return false
}

// find is the program, and what its environment needs.
func find(t testing.TB) (program string, env []string) {
	t.Helper()
	if installed, err := exec.LookPath("redis-server"); err == nil {
		return installed, nil
	}
	_, here, _, _ := runtime.Caller(0)
	// by test/parts.sh, where it may not install
	unpacked := filepath.Join(filepath.Dir(here), "..", "..", "..", ".parts", "redis")
	program = filepath.Join(unpacked, "usr", "bin", "redis-server")
	require.FileExists(t, program, "no redis-server: make parts brings it")
	libraries, err := filepath.Glob(filepath.Join(unpacked, "usr", "lib", "*-linux-gnu*"))
	require.NoError(t, err)
	return program, []string{"LD_LIBRARY_PATH=" + strings.Join(libraries, ":")}
}

// freePort is a port that was free a moment ago.
func freePort(t testing.TB) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port
}
