package soak_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// replica is one of the replicas: a process of the binary, and those that come after it on the same
// addresses.
type replica struct {
	public, ops string
	env         harness.Env
	inspect     func(line string) // is called with every log line

	mu      sync.Mutex
	current *process
}

// process is one process of a replica.
type process struct {
	command *exec.Cmd
	log     *os.File // the end that is read
	gone    atomic.Bool
	ended   chan struct{} // closed once the process has ended
	read    chan struct{} // closed once its log has been read

	mu     sync.Mutex
	events map[string]int
	last   string
}

// start starts the replica's next process, and waits until it is ready.
func (r *replica) start(t testing.TB) {
	t.Helper()
	read, write, err := os.Pipe()
	require.NoError(t, err)
	p := &process{log: read, ended: make(chan struct{}), read: make(chan struct{}),
		events: map[string]int{}}
	p.command = exec.Command(harness.Binary(t))
	p.command.Env = []string{"PATH=" + os.Getenv("PATH"), "OFFLOAD_HTTP_ADDR=" + r.public,
		"OFFLOAD_OPS_ADDR=" + r.ops}
	for name, value := range r.env {
		p.command.Env = append(p.command.Env, name+"="+value)
	}
	p.command.Stderr = write
	err = p.command.Start()
	_ = write.Close()
	require.NoError(t, err)
	go func() {
		defer close(p.ended)
		_ = p.command.Wait() // the status is in ProcessState
	}()
	go p.follow(r.inspect)
	t.Cleanup(func() {
		_ = p.command.Process.Kill()
		p.awaitEnd(t)
	})
	harness.Poll(t, "a replica is ready", func() bool {
		require.False(t, p.over(), "a replica ended at its start: %s", p.lastLine())
		return p.count("service_started") > 0 && r.ready()
	})
	r.mu.Lock()
	r.current = p
	r.mu.Unlock()
}

func (r *replica) ready() bool {
	answer, err := operations.Get("http://" + r.ops + "/readyz")
	if err != nil {
		return false
	}
	_ = answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// operations is the client of the operations listeners. Its connections are not kept, because the
// descriptors of the replicas are counted.
var operations = &http.Client{Timeout: patience,
	Transport: &http.Transport{DisableKeepAlives: true}}

// process returns the process that runs.
func (r *replica) process() *process {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.current
}

// stop stops the process as a service manager does.
func (r *replica) stop(t testing.TB) {
	t.Helper()
	p := r.process()
	require.NoError(t, p.command.Process.Signal(syscall.SIGTERM))
	p.awaitEnd(t)
	require.Zero(t, p.command.ProcessState.ExitCode(), "%s", p.lastLine())
}

// kill kills the process.
func (r *replica) kill(t testing.TB) {
	t.Helper()
	p := r.process()
	require.NoError(t, p.command.Process.Kill())
	p.awaitEnd(t)
}

// follow reads the log until it ends or the reader goes away.
func (p *process) follow(inspect func(string)) {
	defer close(p.read)
	lines := bufio.NewScanner(p.log)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		inspect(lines.Text())
		var line struct{ Event string }
		_ = json.Unmarshal(lines.Bytes(), &line) // a line that is not JSON has no event
		p.mu.Lock()
		p.events[line.Event]++
		p.last = lines.Text()
		p.mu.Unlock()
	}
}

// loseReader closes the log's reader, as a log collector does that ends.
func (p *process) loseReader(t testing.TB) {
	t.Helper()
	p.gone.Store(true)
	require.NoError(t, p.log.Close())
}

// count returns how many lines of an event the process has logged.
func (p *process) count(event string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.events[event]
}

func (p *process) lastLine() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

func (p *process) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// awaitEnd waits until the process has ended and its log has been read.
func (p *process) awaitEnd(t testing.TB) {
	t.Helper()
	for _, end := range []struct {
		what string
		ch   chan struct{}
	}{{"a replica's process ends", p.ended}, {"a replica's log ends", p.read}} {
		select {
		case <-end.ch:
		case <-time.After(deadline):
			require.Fail(t, "timed out waiting until "+end.what, "%s", p.lastLine())
		}
	}
}
