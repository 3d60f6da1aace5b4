package snippets_test

import (
	"bufio"
	"io"
	"net"
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

const installID = "install-of-a-script"

// curlClient is a script that has read cmd/sessiond/clients/curl. It reads one command per line and
// writes one line for each.
type curlClient struct {
	stdin  io.WriteCloser
	output chan string // closed when the client ends
}

// startCurl starts the client, with the state that an earlier run may have left.
func startCurl(t *testing.T, service, state string) *curlClient {
	t.Helper()
	client, err := filepath.Abs(filepath.FromSlash("../../cmd/sessiond/clients/curl"))
	require.NoError(t, err)
	command := exec.Command("sh", "testdata/curl.sh")
	command.Env = append(os.Environ(), "CLIENT="+client, "SESSIOND_URL=http://"+service,
		"SESSIOND_STATE="+state)
	command.Stderr = os.Stderr
	stdin, err := command.StdinPipe()
	require.NoError(t, err)
	stdout, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	running := &curlClient{stdin: stdin, output: make(chan string, 1)}
	var reader sync.WaitGroup
	reader.Go(func() {
		defer close(running.output)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			running.output <- lines.Text()
		}
	})
	t.Cleanup(func() {
		_ = stdin.Close()
		kill := time.AfterFunc(harness.Timeout, func() { _ = command.Process.Kill() })
		defer kill.Stop()
		for range running.output { // what a failed test did not read
		}
		reader.Wait()
		assert.NoError(t, command.Wait())
	})
	return running
}

// send sends one command and returns the line that answers it.
func (c *curlClient) send(t *testing.T, command string) string {
	t.Helper()
	_, err := io.WriteString(c.stdin, command+"\n")
	require.NoError(t, err)
	select {
	case line, running := <-c.output:
		require.True(t, running, "the client ended without an answer to %q", command)
		return line
	case <-time.After(harness.Timeout):
		require.Fail(t, "timed out", "the client did not answer %q", command)
		return ""
	}
}

// newState returns a client's state directory, which holds the install ID.
func newState(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "install_id"), []byte(installID), 0o600))
	return dir
}

// TestCurlKeepsASession shows that one session serves many requests and survives a restart, and
// that it is renewed when it has expired and replaced when it is invalid.
func TestCurlKeepsASession(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, nil)
	issued := func(kind string) float64 {
		return service.Metric(t, `offload_sessions_issued_total{kind="`+kind+`"}`)
	}
	state := newState(t)
	first := startCurl(t, service.Public, state)
	for range 3 {
		assert.Equal(t, "200", first.send(t, "get"))
	}
	assert.EqualValues(t, 1, issued("new"), "one session serves many requests")

	service.Clock.Advance(2 * time.Hour)
	assert.Equal(t, "200", first.send(t, "get"))
	assert.EqualValues(t, 1, issued("renewed"), "an expired session is renewed, not replaced")

	second := startCurl(t, service.Public, state)
	assert.Equal(t, "200", second.send(t, "get"))
	assert.EqualValues(t, 1, issued("new"), "the session survives a restart of the client")

	store := filepath.Join(state, "bearer")
	status, err := os.Stat(store)
	require.NoError(t, err)
	assert.Zero(t, status.Mode().Perm()&0o077, "other users must not read the session")
	text, err := os.ReadFile(store)
	require.NoError(t, err)
	token := strings.TrimRight(string(text), "\n")
	broken := strings.Replace(string(text), token, token[:len(token)-8]+"AAAAAAAA", 1)
	require.NoError(t, os.WriteFile(store, []byte(broken), 0o600))
	third := startCurl(t, service.Public, state)
	assert.Equal(t, "200", third.send(t, "get"))
	assert.EqualValues(t, 2, issued("new"), "an invalid session is replaced")
	assert.EqualValues(t, 1, issued("renewed"))
}

// TestCurlWaits shows that the client is refused once only, and never requests a session before the
// time that the previous answer named. The service's clock does not follow real time: pacer moves
// it, so that a client that is late is granted what a client that is on time is granted.
func TestCurlWaits(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, harness.Env{
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_INSTALL":    "1",
		"OFFLOAD_SESSION_ISSUE_LIMIT_WINDOW_SECONDS": "2",
	})
	paced := newPacer(t, service)
	client := startCurl(t, paced.address, newState(t))
	require.Equal(t, http.StatusOK, service.Issue(t, installID).Status)
	assert.Equal(t, "200", client.send(t, "get"))
	assert.Equal(t, []int{http.StatusTooManyRequests, http.StatusOK}, paced.statuses(),
		"refused once, the client waits until it is granted")
	assert.Equal(t, "forgotten", client.send(t, "forget"))
	assert.Equal(t, "200", client.send(t, "get"))
	assert.Equal(t, []int{http.StatusTooManyRequests, http.StatusOK, http.StatusOK},
		paced.statuses(), "the client waits without a refusal where RateLimit has nothing remaining")
	assert.EqualValues(t, 1, service.Metric(t,
		`offload_session_throttled_total{dimension="install_id",mode="enforce"}`))
	paced.assertWaited(t)
}

// TestCurlReadsNoDates shows that the client waits a second if the response does not say how long.
func TestCurlReadsNoDates(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var posts []time.Time
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		posts = append(posts, time.Now())
		switch len(posts) {
		case 1: // as a proxy answers for a service that is down: without Retry-After
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2: // in the other form that RFC 9110 §10.2.3 allows
			w.Header().Set("Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT")
			w.WriteHeader(http.StatusTooManyRequests)
		default:
			_, _ = io.WriteString(w, `{"session_token":"e30.AAAA",`+
				`"expires_at":"2026-02-16T12:02:00Z","expires_in":120,"refresh_after":90}`)
		}
	}))
	t.Cleanup(server.Close)
	client := startCurl(t, strings.TrimPrefix(server.URL, "http://"), newState(t))
	for range 3 {
		assert.Equal(t, "200", client.send(t, "get"))
	}
	mu.Lock()
	defer mu.Unlock()
	require.Len(t, posts, 3)
	for i := range 2 { // a sleep may be longer than requested, and never shorter
		assert.GreaterOrEqual(t, posts[i+1].Sub(posts[i]), time.Second,
			"an unreadable Retry-After counts as one second")
	}
}

// TestCurlGivesUp shows that a server that never answers, or is not there, fails the call.
func TestCurlGivesUp(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	client := startCurl(t, silent.Addr().String(), newState(t))
	assert.Equal(t, "failed: 000", client.send(t, "get"), "the timeout has ended the request")
	require.NoError(t, silent.Close())
	assert.Equal(t, "failed: 000", client.send(t, "get"), "the connection is refused")
}
