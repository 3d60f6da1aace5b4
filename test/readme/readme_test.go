// Package readme_test runs the clients that README.md shows, from its own text, against the real service. Go's runs here; those in other languages,
// whose tools a machine may not have, run with -tags languages.
package readme_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

func TestMain(m *testing.M) {
	status := m.Run()
	if err := harness.RemoveBinary(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(status)
}

const installID = "install-of-the-readme"

// snippet is the code of that kind under "The whole loop".
func snippet(t *testing.T, kind string) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	require.NoError(t, err)
	_, loop, found := strings.Cut(string(page), "### The whole loop")
	require.True(t, found)
	_, code, found := strings.Cut(loop, "```"+kind+"\n")
	require.True(t, found, "%s", kind)
	code, _, found = strings.Cut(code, "```\n")
	require.True(t, found, "%s", kind)
	return code
}

// folder holds the snippet under a name and, beside it, the files of testdata that are named.
func folder(t *testing.T, name, code string, beside ...string) string {
	t.Helper()
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(code), 0o600))
	for _, file := range beside {
		text, err := os.ReadFile(filepath.Join("testdata", file))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(folder, strings.TrimSuffix(file, ".txt")),
			text, 0o600))
	}
	return folder
}

// loop is a client of the README, made ready to run: run starts it, and stored is the file that the session is kept in.
type loop struct {
	program []string
	folder  string
	stored  func(state string) string
}

// running is such a client, which does what it is told, a line each.
type running struct {
	stdin   io.WriteCloser
	answers *bufio.Scanner
}

// start starts the client with the state that an earlier run has left.
func (l loop) start(t *testing.T, service, state string) *running {
	t.Helper()
	command := exec.Command(l.program[0], l.program[1:]...)
	command.Dir = l.folder
	command.Env = append(os.Environ(), "SESSIOND_URL=http://"+service, "SESSIOND_STATE="+state)
	command.Stderr = os.Stderr
	stdin, err := command.StdinPipe()
	require.NoError(t, err)
	stdout, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = stdin.Close()
		giveUp := time.AfterFunc(harness.Timeout, func() { _ = command.Process.Kill() })
		defer giveUp.Stop()
		assert.NoError(t, command.Wait())
	})
	return &running{stdin: stdin, answers: bufio.NewScanner(stdout)}
}

// tell gives one command and returns the answer.
func (r *running) tell(t *testing.T, command string) string {
	t.Helper()
	_, err := io.WriteString(r.stdin, command+"\n")
	require.NoError(t, err)
	require.True(t, r.answers.Scan(), "the client has ended: %v", r.answers.Err())
	return r.answers.Text()
}

// state is a folder with the install id in it.
func state(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "install_id"), []byte(installID), 0o600))
	return folder
}

// holds is what every client has to show.
func (l loop) holds(t *testing.T) {
	l.holdsInAnOutage(t)
	t.Run("one session is asked for, kept, used, renewed and given up", func(t *testing.T) {
		service := harness.Serve(t, nil)
		issued := func(kind string) float64 {
			return service.Metric(t, `offload_sessions_issued_total{kind="`+kind+`"}`)
		}
		kept := state(t)
		client := l.start(t, service.Public, kept)
		for range 3 {
			assert.Equal(t, "200", client.tell(t, "get"))
		}
		assert.EqualValues(t, 1, issued("new"), "one session serves many requests")

		service.Clock.Advance(2 * time.Hour)
		assert.Equal(t, "200", client.tell(t, "get"))
		assert.EqualValues(t, 1, issued("renewed"),
			"what has expired is renewed, not asked for anew")

		again := l.start(t, service.Public, kept)
		assert.Equal(t, "200", again.tell(t, "get"))
		assert.EqualValues(t, 1, issued("new"), "a session outlives its process")

		status, err := os.Stat(l.stored(kept))
		require.NoError(t, err)
		assert.Zero(t, status.Mode().Perm()&0o077, "others may not read it")
		text, err := os.ReadFile(l.stored(kept))
		require.NoError(t, err)
		token := strings.TrimRight(string(text), "\n")
		broken := strings.Replace(string(text), token, token[:len(token)-8]+"AAAAAAAA", 1)
		require.NoError(t, os.WriteFile(l.stored(kept), []byte(broken), 0o600))
		third := l.start(t, service.Public, kept)
		assert.Equal(t, "200", third.tell(t, "get"))
		assert.EqualValues(t, 2, issued("new"), "one that is no good is forgotten")
		assert.EqualValues(t, 1, issued("renewed"))
	})
	t.Run("it waits as it is told, and paces itself before it has to be", func(t *testing.T) {
		service := harness.Start(t, harness.Env{
			"OFFLOAD_SESSION_ISSUE_LIMIT_PER_INSTALL":    "1",
			"OFFLOAD_SESSION_ISSUE_LIMIT_WINDOW_SECONDS": "2",
		})
		refused := func() float64 {
			return service.Metric(t,
				`offload_session_throttled_total{dimension="install_id",mode="enforce"}`)
		}
		client := l.start(t, service.Public, state(t))
		require.Equal(t, http.StatusOK, service.Issue(t, installID).Status)
		assert.Equal(t, "200", client.tell(t, "get"))
		assert.EqualValues(t, 1, refused(), "refused once, it waits until it may ask again")
		assert.Equal(t, "forgotten", client.tell(t, "forget"))
		assert.Equal(t, "200", client.tell(t, "get"))
		assert.EqualValues(t, 1, refused(),
			"the answer said that nothing was left, and for how long")
	})
}

// outage is a server that issues a session which is due for renewal at once, and has trouble before and after.
type outage struct {
	mu    sync.Mutex
	posts []time.Time
}

func (o *outage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		w.WriteHeader(http.StatusOK)
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.posts = append(o.posts, time.Now())
	switch len(o.posts) {
	case 1: // as a proxy says it for a service that is down
		w.WriteHeader(http.StatusServiceUnavailable)
	case 2: // in the other form that RFC 9110 §10.2.3 allows
		w.Header().Set("Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT")
		w.WriteHeader(http.StatusTooManyRequests)
	case 3:
		_, _ = io.WriteString(w,
			`{"session_token":"e30.AAAA","expires_at":"2026-02-16T12:02:00Z","expires_in":120,"refresh_after":0}`)
	default:
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// holdsInAnOutage is what every client has to show where issuing is out.
func (l loop) holdsInAnOutage(t *testing.T) {
	t.Run("it hammers nobody, and goes on with the session that it has", func(t *testing.T) {
		out := &outage{}
		server := httptest.NewServer(out)
		t.Cleanup(server.Close)
		client := l.start(t, strings.TrimPrefix(server.URL, "http://"), state(t))
		for range 3 {
			assert.Equal(t, "200", client.tell(t, "get"))
		}
		out.mu.Lock()
		defer out.mu.Unlock()
		require.GreaterOrEqual(t, len(out.posts), 3)
		assert.LessOrEqual(t, len(out.posts), 4, "a renewal that fails waits as well")
		for i := range 2 { // a sleep may be longer than it was asked for, and never shorter
			assert.GreaterOrEqual(t, out.posts[i+1].Sub(out.posts[i]), time.Second,
				"what cannot be read is a second")
		}
	})
}

func TestGo(t *testing.T) {
	where := folder(t, "client.go", snippet(t, "go"), "main.go.txt", "go.mod.txt")
	build := exec.Command("go", "build", "-o", "client", ".")
	build.Dir = where
	output, err := build.CombinedOutput()
	require.NoError(t, err, "%s", output)
	loop{
		program: []string{filepath.Join(where, "client")}, folder: where,
		stored: func(state string) string { return filepath.Join(state, "session") },
	}.holds(t)
}
