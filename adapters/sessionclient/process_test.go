package sessionclient_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/offload/sessiond/adapters/sessionclient"
	"github.com/offload/sessiond/test/appworld"
	"github.com/offload/sessiond/test/harness"
)

// The variables that make a test process an app: it prints a line when it begins, and then the
// answers to two requests to the application with the session in a file.
const (
	varSessions    = "SESSIONCLIENT_TEST_SESSIONS"
	varApplication = "SESSIONCLIENT_TEST_APPLICATION"
	varFile        = "SESSIONCLIENT_TEST_FILE"
	// varKey is the file of a key that the session is bound to, if it is set.
	varKey = "SESSIONCLIENT_TEST_KEY"
	// varFull makes every write to a file fail, as on a full disk.
	varFull = "SESSIONCLIENT_TEST_FULL"
)

// app is what such a process does.
func app() error {
	if os.Getenv(varFull) != "" {
		signal.Ignore(unix.SIGXFSZ)
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{}); err != nil {
			return err
		}
		if os.WriteFile(os.Getenv(varFile)+".probe", []byte("x"), 0o600) == nil {
			return errors.New("a write succeeded on a full disk")
		}
	}
	var key sessionclient.Key
	if path := os.Getenv(varKey); path != "" {
		key = sessionclient.NewFileKey(path)
	}
	client, err := sessionclient.New(sessionclient.Config{Key: key, Sessions: os.Getenv(varSessions),
		Application: []string{os.Getenv(varApplication)},
		Storage:     sessionclient.NewFileStorage(os.Getenv(varFile)),
		AppVersion:  "1.0", Platform: "test", Timeout: harness.Timeout})
	if err != nil {
		return err
	}
	fmt.Println("begin")
	for range 2 {
		app := &http.Client{Transport: client.RoundTripper(nil)}
		answer, err := app.Get(os.Getenv(varApplication) + "/echo")
		if err != nil {
			return err
		}
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			return err
		}
		_ = answer.Body.Close()
		fmt.Println(string(text))
	}
	return nil
}

// process is an app in a process of its own.
type process struct {
	command *exec.Cmd
	lines   chan string
}

func startApp(t *testing.T, world *appworld.World, path string, env ...string) *process {
	t.Helper()
	executable, err := os.Executable()
	require.NoError(t, err)
	p := &process{exec.Command(executable), make(chan string, 16)}
	p.command.Env = append(os.Environ(), append(env, varSessions+"="+world.Sessions,
		varApplication+"="+world.Application, varFile+"="+path)...)
	p.command.Stderr = os.Stderr
	output, err := p.command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.command.Start())
	ended := make(chan struct{})
	t.Cleanup(func() {
		_ = p.command.Process.Kill()
		<-ended
		_ = p.command.Wait()
	})
	go func() {
		defer close(ended)
		defer close(p.lines)
		for scanner := bufio.NewScanner(output); scanner.Scan(); {
			p.lines <- scanner.Text()
		}
	}()
	return p
}

func (p *process) line(t *testing.T) string {
	t.Helper()
	return harness.Receive(t, "another process prints a line", p.lines)
}

func newWorld(t *testing.T) *appworld.World {
	t.Helper()
	world, err := appworld.New(nil)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, world.Close()) })
	return world
}

func TestTwoProcessesWithOneFileMakeOneIssuance(t *testing.T) {
	t.Parallel()
	world := newWorld(t)
	world.Answer([]appworld.Answer{{Hold: true}}, nil)
	path := filepath.Join(t.TempDir(), "session")
	one, other := startApp(t, world, path), startApp(t, world, path)
	assert.Equal(t, "begin", one.line(t))
	assert.Equal(t, "begin", other.line(t))
	harness.Poll(t, "one process asks for a session", func() bool {
		return world.Seen().Held == 1
	})
	world.Release()
	first := one.line(t)
	assert.Contains(t, first, "install_id")
	assert.Equal(t, first, other.line(t))
	assert.Equal(t, first, startThird(t, world, path))
	assert.Equal(t, 1, world.Seen().SessionRequests)
	assert.Equal(t, 1, world.Seen().Tokens)
}

// startThird returns the first answer that a process gets which starts later.
func startThird(t *testing.T, world *appworld.World, path string) string {
	t.Helper()
	third := startApp(t, world, path)
	assert.Equal(t, "begin", third.line(t))
	return third.line(t)
}

func TestAProcessThatIsKilledLeavesNoLock(t *testing.T) {
	t.Parallel()
	world := newWorld(t)
	world.Answer([]appworld.Answer{{Silent: true}}, nil)
	path := filepath.Join(t.TempDir(), "session")
	killed := startApp(t, world, path)
	assert.Equal(t, "begin", killed.line(t))
	harness.Poll(t, "the process holds the lock and asks for a session", func() bool {
		return world.Seen().SessionRequests == 1
	})
	require.NoError(t, killed.command.Process.Kill())
	assert.Contains(t, startThird(t, world, path), "install_id")
	assert.Equal(t, 2, world.Seen().SessionRequests)
}

func TestAProcessOnAFullDiskGoesOnInMemory(t *testing.T) {
	t.Parallel()
	world := newWorld(t)
	folder := t.TempDir()
	full := startApp(t, world, filepath.Join(folder, "session"), varFull+"=1")
	assert.Equal(t, "begin", full.line(t))
	first := full.line(t)
	assert.Contains(t, first, "install_id")
	assert.Equal(t, first, full.line(t))
	assert.Equal(t, 1, world.Seen().SessionRequests)
	assertFiles(t, folder, "session.probe", "session.lock")
}
