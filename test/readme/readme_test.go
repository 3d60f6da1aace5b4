// Package readme_test runs the clients of cmd/sessiond/docs/clients.md, taken from the text of that
// page, against the real service. The Go client runs in every build. The clients in other languages
// need tools that a machine may not have, and run with -tags languages.
package readme_test

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/offload/sessiond/ports/portsfake"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// page is the document that holds the clients.
const page = "../../cmd/sessiond/docs/clients.md"

const installID = "install-of-the-readme"

func TestGo(t *testing.T) {
	dir := writeFiles(t, "client.go", snippet(t, "go"), "main.go.txt", "go.mod.txt")
	build := exec.Command("go", "build", "-o", "client", ".")
	build.Dir = dir
	output, err := build.CombinedOutput()
	require.NoError(t, err, "%s", output)
	testClient(t, program{
		command: []string{filepath.Join(dir, "client")},
		dir:     dir,
		store:   func(state string) string { return filepath.Join(state, "session") },
	})
}

// snippet returns the code of the page's only block in that language.
func snippet(t *testing.T, language string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(page))
	require.NoError(t, err)
	blocks := strings.Split(string(text), "\n```"+language+"\n")
	require.Len(t, blocks, 2, "%s must have exactly one block in %s", page, language)
	code, _, found := strings.Cut(blocks[1], "```\n")
	require.True(t, found, "the block in %s does not end", language)
	return code
}

// writeFiles returns a directory with code in a file of that name, and with copies of the named
// files of testdata.
func writeFiles(t *testing.T, name, code string, testdata ...string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(code), 0o600))
	for _, file := range testdata {
		text, err := os.ReadFile(filepath.Join("testdata", file))
		require.NoError(t, err)
		target := filepath.Join(dir, strings.TrimSuffix(file, ".txt"))
		require.NoError(t, os.WriteFile(target, text, 0o600))
	}
	return dir
}

// program is one client of the page, ready to run.
type program struct {
	command []string
	dir     string
	// store returns the file that holds the session, given the client's state directory.
	store func(state string) string
}

// process is a running client. It reads one command per line and writes one line for each.
type process struct {
	stdin  io.WriteCloser
	output chan string // closed when the client ends
}

// start starts the client, with the state that an earlier run may have left.
func (p program) start(t *testing.T, service, state string) *process {
	t.Helper()
	command := exec.Command(p.command[0], p.command[1:]...)
	command.Dir = p.dir
	command.Env = append(os.Environ(), "SESSIOND_URL=http://"+service, "SESSIOND_STATE="+state)
	command.Stderr = os.Stderr
	stdin, err := command.StdinPipe()
	require.NoError(t, err)
	stdout, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	running := &process{stdin: stdin, output: make(chan string, 1)}
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
func (p *process) send(t *testing.T, command string) string {
	t.Helper()
	_, err := io.WriteString(p.stdin, command+"\n")
	require.NoError(t, err)
	select {
	case line, running := <-p.output:
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

// testClient tests what every client must do.
func testClient(t *testing.T, p program) {
	t.Run("keeps one session, renews it and replaces an invalid one", p.testSession)
	t.Run("waits for Retry-After and for a spent limit", p.testWaiting)
	t.Run("keeps its session while issuing fails", p.testOutage)
}

func (p program) testSession(t *testing.T) {
	service := harness.Serve(t, nil)
	issued := func(kind string) float64 {
		return service.Metric(t, `offload_sessions_issued_total{kind="`+kind+`"}`)
	}
	state := newState(t)
	first := p.start(t, service.Public, state)
	for range 3 {
		assert.Equal(t, "200", first.send(t, "get"))
	}
	assert.EqualValues(t, 1, issued("new"), "one session serves many requests")

	service.Clock.Advance(2 * time.Hour)
	assert.Equal(t, "200", first.send(t, "get"))
	assert.EqualValues(t, 1, issued("renewed"), "an expired session is renewed, not replaced")

	second := p.start(t, service.Public, state)
	assert.Equal(t, "200", second.send(t, "get"))
	assert.EqualValues(t, 1, issued("new"), "the session survives a restart of the client")

	status, err := os.Stat(p.store(state))
	require.NoError(t, err)
	assert.Zero(t, status.Mode().Perm()&0o077, "other users must not read the session")
	text, err := os.ReadFile(p.store(state))
	require.NoError(t, err)
	token := strings.TrimRight(string(text), "\n")
	broken := strings.Replace(string(text), token, token[:len(token)-8]+"AAAAAAAA", 1)
	require.NoError(t, os.WriteFile(p.store(state), []byte(broken), 0o600))
	third := p.start(t, service.Public, state)
	assert.Equal(t, "200", third.send(t, "get"))
	assert.EqualValues(t, 2, issued("new"), "an invalid session is replaced")
	assert.EqualValues(t, 1, issued("renewed"))
}

// testWaiting shows that the client is refused once only, and never requests a session before the
// time that the previous answer named. The service's clock does not follow real time: pacer moves
// it, so that a client that is late is granted what a client that is on time is granted.
func (p program) testWaiting(t *testing.T) {
	service := harness.Serve(t, harness.Env{
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_INSTALL":    "1",
		"OFFLOAD_SESSION_ISSUE_LIMIT_WINDOW_SECONDS": "2",
	})
	paced := newPacer(t, service)
	client := p.start(t, paced.address, newState(t))
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

// pacer is a proxy in front of a service. When an answer tells the client to wait, it moves the
// service's clock on by that time before the client sees the answer, and records the time.
type pacer struct {
	address string
	clock   *portsfake.Clock

	mu    sync.Mutex
	posts []post
}

// post is one request for a session.
type post struct {
	arrived time.Time
	status  int
	wait    time.Duration // what the answer tells the client to wait
}

func newPacer(t *testing.T, service *harness.InProcess) *pacer {
	t.Helper()
	p := &pacer{clock: service.Clock}
	target := &url.URL{Scheme: "http", Host: service.Public}
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:      &http.Transport{DisableKeepAlives: true},
		ModifyResponse: p.observe,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			p.mu.Lock()
			p.posts = append(p.posts, post{arrived: time.Now()})
			p.mu.Unlock()
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	p.address = strings.TrimPrefix(server.URL, "http://")
	return p
}

var waits = regexp.MustCompile(`r=0;t=(\d+)`)

// observe records the answer to a request for a session, and moves the clock.
func (p *pacer) observe(answer *http.Response) error {
	if answer.Request.Method != http.MethodPost {
		return nil
	}
	var seconds []string
	if given := answer.Header.Get("Retry-After"); given != "" {
		seconds = append(seconds, given)
	}
	for _, limit := range waits.FindAllStringSubmatch(answer.Header.Get("RateLimit"), -1) {
		seconds = append(seconds, limit[1])
	}
	var wait time.Duration
	for _, text := range seconds {
		n, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		wait = max(wait, time.Duration(n)*time.Second)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	last := &p.posts[len(p.posts)-1]
	last.status, last.wait = answer.StatusCode, wait
	p.clock.Advance(wait)
	return nil
}

func (p *pacer) statuses() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []int
	for _, post := range p.posts {
		all = append(all, post.status)
	}
	return all
}

// assertWaited checks that no request for a session came before the time that the answer to the
// previous one named. A request may come later than that, by any amount.
func (p *pacer) assertWaited(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, next := range p.posts[1:] {
		previous := p.posts[i]
		assert.NotZero(t, previous.wait, "answer %d names no time to wait", i+1)
		assert.GreaterOrEqual(t, next.arrived.Sub(previous.arrived), previous.wait,
			"request %d came too early", i+2)
	}
}

// outage is a server that fails twice, then issues a session that is due for renewal at once, and
// then fails again.
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
	case 1: // as a proxy answers for a service that is down: without Retry-After
		w.WriteHeader(http.StatusServiceUnavailable)
	case 2: // in the other form that RFC 9110 §10.2.3 allows
		w.Header().Set("Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT")
		w.WriteHeader(http.StatusTooManyRequests)
	case 3:
		_, _ = io.WriteString(w, `{"session_token":"e30.AAAA",`+
			`"expires_at":"2026-02-16T12:02:00Z","expires_in":120,"refresh_after":0}`)
	default:
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

func (p program) testOutage(t *testing.T) {
	out := &outage{}
	server := httptest.NewServer(out)
	t.Cleanup(server.Close)
	client := p.start(t, strings.TrimPrefix(server.URL, "http://"), newState(t))
	for range 3 {
		assert.Equal(t, "200", client.send(t, "get"))
	}
	out.mu.Lock()
	defer out.mu.Unlock()
	require.GreaterOrEqual(t, len(out.posts), 3)
	assert.LessOrEqual(t, len(out.posts), 4, "a renewal that failed waits for Retry-After too")
	for i := range 2 { // a sleep may be longer than requested, and never shorter
		assert.GreaterOrEqual(t, out.posts[i+1].Sub(out.posts[i]), time.Second,
			"an unreadable Retry-After counts as one second")
	}
}
