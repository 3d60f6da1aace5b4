package docs

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// session is one shell in which the commands of a page run, one after the other, as they would in
// a terminal: what one command exports or leaves in the background is there for the next.
type session struct {
	input io.Writer
	lines chan string // of standard output and standard error; closed when the shell ends
}

// mark begins the line after a command's output, which holds its exit status.
const mark = "exit status of the command:"

// startSession starts the shell. It is killed at the end of the test; what it left in the
// background is not.
func startSession(t *testing.T, folder string, env []string) *session {
	t.Helper()
	shell := exec.Command("bash", "--noprofile", "--norc")
	shell.Dir, shell.Env = folder, env
	input, err := shell.StdinPipe()
	require.NoError(t, err)
	// A pipe of the test's own, because exec would wait for background processes that hold it.
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	shell.Stdout, shell.Stderr = writer, writer
	require.NoError(t, shell.Start())
	require.NoError(t, writer.Close())
	s := &session{input: input, lines: make(chan string, 4096)}
	go func() {
		defer close(s.lines)
		for scanner := bufio.NewScanner(reader); scanner.Scan(); {
			s.lines <- scanner.Text()
		}
	}()
	t.Cleanup(func() {
		_ = shell.Process.Kill()
		_ = shell.Wait() // it was killed
		_ = reader.Close()
	})
	return s
}

// run runs a command, which must succeed, and returns what it printed.
func (s *session) run(t *testing.T, command string) string {
	t.Helper()
	// Without a standard input of its own, a command could read the ones that follow.
	_, err := fmt.Fprintf(s.input, "{\n%s\n} < /dev/null\nprintf '\\n%s %%d\\n' $?\n",
		command, mark)
	require.NoError(t, err)
	var output strings.Builder
	timeout := time.After(harness.Timeout)
	for {
		select {
		case line, open := <-s.lines:
			require.True(t, open, "the shell ended in %s\n%s", command, output.String())
			status, ended := strings.CutPrefix(line, mark+" ")
			if !ended {
				output.WriteString(line + "\n")
				continue
			}
			require.Equal(t, "0", status, "exit status of %s\n%s", command, output.String())
			return strings.TrimSuffix(output.String(), "\n")
		case <-timeout:
			require.Fail(t, "timed out", "waiting for the end of %s\n%s", command, output.String())
		}
	}
}
