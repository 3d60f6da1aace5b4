package harness

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Env is what a service is given as its environment, beside PATH and HOME: nothing of the test's
// own environment reaches it.
type Env map[string]string

// anyPorts lets the system choose the ports, where the environment does not say otherwise.
func (e Env) anyPorts() Env {
	return e.over(Env{"OFFLOAD_HTTP_ADDR": "127.0.0.1:0", "OFFLOAD_OPS_ADDR": "127.0.0.1:0"})
}

// over is the environment with what it does not say taken from below.
func (e Env) over(below Env) Env {
	merged := Env{}
	for name, value := range below {
		merged[name] = value
	}
	for name, value := range e {
		merged[name] = value
	}
	return merged
}

// list is the environment as processes have it.
func (e Env) list() []string {
	list := make([]string, 0, len(e))
	for name, value := range e {
		list = append(list, name+"="+value)
	}
	return list
}

// Process is the real binary, started and serving.
type Process struct {
	Service
	command *exec.Cmd
	ended   chan struct{} // closed once the process has ended and all its output is in the log
}

// Start starts the binary with env and waits until it serves.
func Start(t testing.TB, env Env, args ...string) *Process {
	t.Helper()
	p := launch(t, env.anyPorts(), args...)
	started, found := p.Log.await(func(line Line) bool {
		return line.Event() == "service_started"
	}, p.ended)
	require.True(t, found, "the service did not start:\n%s", p.Log.Text())
	p.listening(started)
	return p
}

// launch starts the binary and waits for nothing.
func launch(t testing.TB, env Env, args ...string) *Process {
	t.Helper()
	p := &Process{command: exec.Command(Binary(t), args...), ended: make(chan struct{})}
	p.Service = newService(t)
	p.command.Env = env.over(Env{"PATH": os.Getenv("PATH"), "HOME": os.Getenv("HOME")}).list()
	p.command.Stderr = p.Log
	p.command.Stdout = p.Log
	require.NoError(t, p.command.Start())
	go func() {
		defer close(p.ended)
		_ = p.command.Wait() // the status is in ProcessState
	}()
	t.Cleanup(func() {
		p.Kill()
		p.Wait(t)
	})
	return p
}

// Signal sends the process a signal.
func (p *Process) Signal(t testing.TB, signal os.Signal) {
	t.Helper()
	require.NoError(t, p.command.Process.Signal(signal))
}

// Hang stops the process where it is: its connections stand, and nothing is answered, until Resume.
func (p *Process) Hang(t testing.TB) {
	t.Helper()
	p.Signal(t, syscall.SIGSTOP)
	// It has stopped when the last of its threads has, which is told to the parent and to be left
	// for os/exec.
	require.NoError(t, unix.Waitid(unix.P_PID, p.command.Process.Pid, nil,
		unix.WSTOPPED|unix.WNOWAIT, nil))
}

// Resume lets a process that hangs go on.
func (p *Process) Resume(t testing.TB) {
	t.Helper()
	p.Signal(t, syscall.SIGCONT)
}

// Terminate asks the process to stop, and does not wait.
func (p *Process) Terminate(t testing.TB) {
	t.Helper()
	p.Signal(t, syscall.SIGTERM)
}

// Stop asks the process to stop, waits for its end and returns its exit status.
func (p *Process) Stop(t testing.TB) int {
	t.Helper()
	p.hangUp()
	p.Terminate(t)
	return p.Wait(t)
}

// Kill ends the process with nothing done, if it still runs.
func (p *Process) Kill() { _ = p.command.Process.Kill() }

// Wait waits for the end of the process and returns its exit status, -1 where a signal ended it.
func (p *Process) Wait(t testing.TB) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(Timeout):
		p.Kill()
		require.Fail(t, "the process does not end", "%s", p.Log.Text())
	}
	return p.command.ProcessState.ExitCode()
}

// Ended reports whether the process has ended.
func (p *Process) Ended() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}
