// Package child runs the servers that tests start as child processes. Only tests import it; it
// imports testify.
package child

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Timeout is how long the package waits for something before it treats it as a hang.
const Timeout = 3 * time.Minute

// outputDelay is how long the output of a process that has ended is waited for at most: a child of
// the process may outlive it for a moment, and hold its output open.
const outputDelay = 10 * time.Second

// Process is a process that was started.
type Process struct {
	// Ended is closed when the process has ended.
	Ended   <-chan struct{}
	command *exec.Cmd
	log     *log
}

// Start starts a process whose output goes to its log.
func Start(t testing.TB, command *exec.Cmd) *Process {
	t.Helper()
	ended := make(chan struct{})
	p := &Process{Ended: ended, command: command, log: newLog()}
	command.Stdout, command.Stderr, command.WaitDelay = p.log, p.log, outputDelay
	require.NoError(t, command.Start())
	go func() {
		defer close(ended)
		_ = command.Wait() // the exit status does not matter
	}()
	return p
}

// Log returns what the process has written so far.
func (p *Process) Log() string { return p.log.String() }

// Kill kills the process, if it runs, and waits for its end.
func (p *Process) Kill() {
	_ = p.command.Process.Kill()
	select {
	case <-p.Ended:
	case <-time.After(Timeout):
		panic("timed out waiting for the end of a process that was killed:\n" + p.Log())
	}
}

// Running reports whether the process exists; it may hang.
func (p *Process) Running() bool {
	select {
	case <-p.Ended:
		return false
	default:
		return true
	}
}

// Signal sends the process a signal.
func (p *Process) Signal(t testing.TB, signal os.Signal) {
	t.Helper()
	require.NoError(t, p.command.Process.Signal(signal))
}
