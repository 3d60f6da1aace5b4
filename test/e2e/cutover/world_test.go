//go:build languages

package cutover_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

const (
	root   = "../../.."
	secret = harness.StrongSecret
)

// guideFile is the page whose commands are run.
const guideFile = root + "/cmd/sessiond/docs/cutover.md"

// world is an operator's shell on a machine, and clients that use their sessions.
type world struct {
	*machine

	guide string
	shell string   // a file with the variables and functions of the shell between two commands
	wrote *os.File // the transcript
	users *users
	ran   map[string]bool
}

// newWorld returns a shell on a machine with a proxy. It notes in ran which blocks of the guide are
// run.
func newWorld(t *testing.T, proxy string, ran map[string]bool) *world {
	guide, err := os.ReadFile(guideFile)
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(root+"/.build/cutover", 0o755))
	wrote, err := os.Create(root + "/.build/cutover/" + proxy + ".txt")
	require.NoError(t, err)
	t.Cleanup(func() { _ = wrote.Close() })
	w := &world{machine: newMachine(t, proxy), guide: string(guide), wrote: wrote, ran: ran}
	w.shell = w.path("shell")
	w.write("shell", "")
	w.users = startUsers(t, w.site.address())
	return w
}

// say adds a line to the transcript.
func (w *world) say(format string, values ...any) {
	line := fmt.Sprintf(format, values...)
	_, err := fmt.Fprintln(w.wrote, strings.NewReplacer(secret, "SECRET", w.folder, "").
		Replace(w.documented(line)))
	require.NoError(w.t, err)
}

// run runs the commands of a block of the guide, the last of which must end with a status, and
// returns what they print. Where the guide shows output, it must be the same.
func (w *world) run(block string, status int) string {
	w.t.Helper()
	w.ran[block] = true
	text := regexp.MustCompile("(?s)<!-- cutover: " + block + " -->\n+```console\n(.*?)```").
		FindStringSubmatch(w.guide)
	require.NotNil(w.t, text, "the guide has no block %s", block)
	var shown, all strings.Builder
	var commands []string
	for line := range strings.Lines(text[1]) {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			commands = append(commands, strings.TrimSuffix(command, "\n"))
		} else {
			shown.WriteString(line)
		}
	}
	for i, command := range commands {
		want := 0
		if i == len(commands)-1 {
			want = status
		}
		w.say("$ %s", command)
		if unit, ok := strings.CutPrefix(command, "systemctl "); ok {
			w.systemctl(strings.Fields(unit)...)
			continue
		}
		output := w.command(command, want)
		if output != "" {
			w.say("%s", strings.TrimSuffix(output, "\n"))
		}
		all.WriteString(output)
	}
	w.say("")
	if shown.Len() > 0 {
		assert.Equal(w.t, shown.String(), w.documented(all.String()), block)
	}
	return all.String()
}

// command runs a command as the operator's shell does, which keeps variables and functions.
func (w *world) command(text string, status int) string {
	w.t.Helper()
	command := exec.Command("bash", "-c", ". "+w.shell+"\n"+w.here(text)+
		"\nstatus=$?; { export -p; declare -f; } > "+w.shell+"; exit $status")
	command.Dir = root
	command.Env = []string{"HOME=" + w.folder, "NO_COLOR=1",
		"PATH=" + filepath.Dir(harness.Binary(w.t)) + ":" + os.Getenv("PATH")}
	output, err := command.CombinedOutput()
	if exited, ok := errors.AsType[*exec.ExitError](err); ok {
		assert.Equal(w.t, status, exited.ExitCode(), "%s: %s", text, output)
	} else {
		require.NoError(w.t, err)
		assert.Zero(w.t, status, "%s: %s", text, output)
	}
	return string(output)
}

// wait waits until a number of further requests was answered, and fails if one failed so far.
func (w *world) wait(further int) {
	w.t.Helper()
	count := func() int {
		w.users.mu.Lock()
		defer w.users.mu.Unlock()
		assert.Empty(w.t, w.users.failures)
		return w.users.requests
	}
	goal := count() + further
	harness.Poll(w.t, "clients have made more requests", func() bool {
		return count() >= goal || w.t.Failed()
	})
	w.users.mu.Lock()
	defer w.users.mu.Unlock()
	w.say("clients: %d requests with %d sessions so far, %d failed\n", w.users.requests,
		len(w.users.tokens), len(w.users.failures))
}
