package harness

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Process is a running process of the built binary.
type Process struct {
	Service
	command *exec.Cmd
	ended   chan struct{} // closed when the process has exited and all its output is in the log
}

// Start starts the binary with env and waits until it has logged service_started.
func Start(t testing.TB, env Env, args ...string) *Process {
	t.Helper()
	p := launch(t, env.toServe(), args...)
	p.awaitStart(t)
	return p
}

// awaitStart waits until the service has logged service_started.
func (p *Process) awaitStart(t testing.TB) {
	t.Helper()
	started, found := p.Log.await(func(line Line) bool {
		return line.Event() == "service_started"
	}, p.ended)
	require.True(t, found, "the service did not start:\n%s", p.Log.Text())
	p.listening(started)
}

// StartWithFiles is like Start, with a limit on the number of files that the process may open.
func StartWithFiles(t testing.TB, limit int, env Env) *Process {
	t.Helper()
	return StartCommand(t, env.toServe(), exec.Command("sh", "-c", `ulimit -n "$1" && exec "$0"`,
		Binary(t), strconv.Itoa(limit)))
}

// StartCommand is like Start for a command that becomes the service, such as under another user.
// Its environment is env, PATH and HOME.
func StartCommand(t testing.TB, env Env, command *exec.Cmd) *Process {
	t.Helper()
	p := run(t, env, command)
	p.awaitStart(t)
	return p
}

// StartActivated starts the binary as a service manager does: with sockets that already listen, and
// with nothing in its environment but env, PATH and HOME.
func StartActivated(t testing.TB, env Env, sockets ...*os.File) *Process {
	t.Helper()
	p := launchActivated(t, env, sockets)
	p.awaitStart(t)
	return p
}

// FailActivated is like StartActivated, for a service that does not start. It returns the exit
// status and the output.
func FailActivated(t testing.TB, env Env, sockets ...*os.File) (status int, output string) {
	t.Helper()
	p := launchActivated(t, env, sockets)
	status = p.Wait(t)
	return status, p.Log.Text()
}

func launchActivated(t testing.TB, env Env, sockets []*os.File) *Process {
	t.Helper()
	// LISTEN_PID is the process itself, which exec keeps.
	command := exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$0"`, Binary(t))
	command.ExtraFiles = sockets
	return run(t, env.With(Env{"LISTEN_FDS": strconv.Itoa(len(sockets))}), command)
}

// launch starts the binary and does not wait for it to serve.
func launch(t testing.TB, env Env, args ...string) *Process {
	t.Helper()
	return run(t, env, exec.Command(Binary(t), args...))
}

// run starts command, which runs the binary.
func run(t testing.TB, env Env, command *exec.Cmd) *Process {
	t.Helper()
	p := &Process{command: command, ended: make(chan struct{})}
	p.Service = newService(t)
	p.command.Env = Env{"PATH": os.Getenv("PATH"), "HOME": os.Getenv("HOME")}.With(env).list()
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

// Pid returns the id of the process.
func (p *Process) Pid() int { return p.command.Process.Pid }

// Signal sends the process a signal.
func (p *Process) Signal(t testing.TB, signal os.Signal) {
	t.Helper()
	require.NoError(t, p.command.Process.Signal(signal))
}

// Hang suspends the process: its connections stay open and receive no response until Resume.
func (p *Process) Hang(t testing.TB) {
	t.Helper()
	p.Signal(t, syscall.SIGSTOP)
	// The process has stopped when its last thread has. The kernel reports that to the parent; the
	// status is left in place for os/exec.
	Poll(t, "the process has stopped", func() bool {
		var stopped unix.Siginfo
		require.NoError(t, unix.Waitid(unix.P_PID, p.Pid(), &stopped,
			unix.WSTOPPED|unix.WNOWAIT|unix.WNOHANG, nil))
		return stopped.Signo != 0
	})
}

// Resume continues a suspended process.
func (p *Process) Resume(t testing.TB) {
	t.Helper()
	p.Signal(t, syscall.SIGCONT)
}

// Terminate sends SIGTERM and does not wait.
func (p *Process) Terminate(t testing.TB) {
	t.Helper()
	p.Signal(t, syscall.SIGTERM)
}

// Stop sends SIGTERM, waits for the process to exit and returns its exit status.
func (p *Process) Stop(t testing.TB) int {
	t.Helper()
	p.Close()
	p.Terminate(t)
	return p.Wait(t)
}

// Kill sends SIGKILL if the process is still running.
func (p *Process) Kill() { _ = p.command.Process.Kill() }

// Wait waits for the process to exit and returns its exit status, or -1 if a signal ended it.
func (p *Process) Wait(t testing.TB) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(Timeout):
		p.Kill()
		require.Fail(t, "the process did not exit", "%s", p.Log.Text())
	}
	return p.command.ProcessState.ExitCode()
}

// Ended reports whether the process has exited.
func (p *Process) Ended() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}
