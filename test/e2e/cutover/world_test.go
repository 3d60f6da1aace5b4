//go:build languages

package cutover_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/child"
	"github.com/offload/sessiond/test/harness/freeport"
	"github.com/offload/sessiond/test/harness/proxy"
)

const (
	root   = "../../.."
	secret = harness.StrongSecret
)

// world is a host with nginx, a backend and a service, and clients that use their sessions.
type world struct {
	t      *testing.T
	folder string // stands for /
	guide  string
	nginx  *proxy.Nginx
	wrote  *os.File // the transcript
	users  *users
}

// newWorld returns a host whose proxy sends everything to a backend.
func newWorld(t *testing.T, backend *backend) *world {
	guide, err := os.ReadFile(root + "/cmd/sessiond/docs/cutover.md")
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(root+"/.build/cutover", 0o755))
	wrote, err := os.Create(root + "/.build/cutover/transcript.txt")
	require.NoError(t, err)
	t.Cleanup(func() { _ = wrote.Close() })
	w := &world{t: t, folder: t.TempDir(), guide: string(guide), wrote: wrote}
	for _, folder := range []string{"etc/offload", "etc/sessiond", "run/secrets"} {
		require.NoError(t, os.MkdirAll(filepath.Join(w.folder, folder), 0o700))
	}
	w.write("etc/offload/backend.env", "OFFLOAD_ENVIRONMENT=production\n"+
		"OFFLOAD_SESSION_SECRET="+secret+"\nOFFLOAD_SESSION_TOKEN_ACTIVE_KID=v2-default\n"+
		"OFFLOAD_AI_PROVIDER=openai\nOFFLOAD_USAGE_STORE=postgres\n")
	w.write("run/secrets/session", secret+"\n")
	w.nginx = proxy.StartReloadable(t, allTo(backend))
	w.users = startUsers(t, w.nginx.Addr)
	return w
}

func (w *world) path(name string) string { return filepath.Join(w.folder, name) }

func (w *world) write(name, text string) {
	require.NoError(w.t, os.WriteFile(w.path(name), []byte(text), 0o600))
}

// say adds a line to the transcript.
func (w *world) say(format string, values ...any) {
	line := fmt.Sprintf(format, values...)
	_, err := fmt.Fprintln(w.wrote, strings.NewReplacer(secret, "SECRET", w.folder, "").Replace(line))
	require.NoError(w.t, err)
}

// run runs the commands of a block of the guide, which must end with a status, and returns what
// they print.
func (w *world) run(block string, status int, env ...string) string {
	w.t.Helper()
	text := regexp.MustCompile("(?s)<!-- cutover: " + block + " -->\n+```console\n(.*?)```").
		FindStringSubmatch(w.guide)
	require.NotNil(w.t, text, "the guide has no block %s", block)
	var script strings.Builder
	for line := range strings.Lines(text[1]) {
		command, ok := strings.CutPrefix(line, "$ ")
		require.True(w.t, ok, "%s", line)
		script.WriteString(command)
		w.say("$ %s", strings.TrimSuffix(command, "\n"))
	}
	at := strings.NewReplacer("/etc/", w.folder+"/etc/", "/run/", w.folder+"/run/",
		"/var/log/nginx/access.log", w.nginx.AccessLog()).Replace(script.String())
	command := exec.Command("sh", "-c", at)
	command.Env = append([]string{"HOME=" + w.folder, "NO_COLOR=1",
		"PATH=" + filepath.Dir(harness.Binary(w.t)) + ":" + os.Getenv("PATH")}, env...)
	output, err := command.CombinedOutput()
	if exited, ok := errors.AsType[*exec.ExitError](err); ok {
		assert.Equal(w.t, status, exited.ExitCode(), "%s: %s", block, output)
	} else {
		require.NoError(w.t, err)
		assert.Zero(w.t, status, "%s: %s", block, output)
	}
	w.say("%sexit status %d\n", output, status)
	return string(output)
}

// route sends requests for sessions to a service and all others to a backend, with the example that
// operators copy.
func (w *world) route(service *harness.Process, backend *backend) {
	w.t.Helper()
	example, err := os.ReadFile(root + "/cmd/sessiond/deploy/nginx/routing.conf")
	require.NoError(w.t, err)
	w.nginx.Reload(w.t, func(addr string) string {
		return strings.NewReplacer("server 127.0.0.1:8080;", "server "+service.Public+";",
			"server 127.0.0.1:3000;", "server "+backend.address+";", "listen 80;",
			"listen "+addr+";").Replace(string(example))
	})
	w.say("nginx: /v1/sessions/anonymous to sessiond, the rest to the backend; reloaded")
}

// allTo returns the configuration of a proxy that sends everything to a backend.
func allTo(backend *backend) func(string) string {
	return func(addr string) string {
		return "server { listen " + addr + "; location / { proxy_pass http://" + backend.address +
			"; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; } }"
	}
}

// backend is a running stand-in for the backend.
type backend struct {
	*child.Process
	address string
}

// startBackend starts the stand-in with variables.
func startBackend(t *testing.T, env ...string) *backend {
	t.Helper()
	for range 5 { // another process may take a free port before the backend listens on it
		b := &backend{address: freeport.Address(t, "127.0.0.1")}
		_, port, err := net.SplitHostPort(b.address)
		require.NoError(t, err)
		command := exec.Command("python3", "testdata/backend.py", port)
		modules, err := filepath.Abs(root + "/adapters/sessionauth/python")
		require.NoError(t, err)
		command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"),
			"PYTHONPATH=" + modules, "PYTHONDONTWRITEBYTECODE=1"}, env...)
		b.Process = child.Start(t, command)
		if b.Wrote("listening", child.Timeout) {
			t.Cleanup(func() {
				b.Kill()
				if t.Failed() {
					t.Logf("log of the backend at %s:\n%s", b.address, b.Log())
				}
			})
			return b
		}
		b.Kill()
		t.Logf("the backend did not start:\n%s", b.Log())
	}
	require.Fail(t, "the backend did not start")
	return nil
}

// answer is a response that was read.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) code() string { return a.header.Get("X-Error-Code") }

// fromBackend reports whether the backend answered.
func (a answer) fromBackend() bool { return a.header.Get("X-Answered-By") == "backend" }

// token returns the token of a new session.
func (a answer) token(t testing.TB) string {
	t.Helper()
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	var body struct {
		Token string `json:"session_token"`
	}
	require.NoError(t, json.Unmarshal([]byte(a.body), &body))
	return body.Token
}

// client is a client with an address of its own, which makes a connection for each request.
type client struct{ http *http.Client }

func newClient(address string) client {
	dialer := &net.Dialer{Timeout: harness.Timeout}
	if address != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(address)}
	}
	return client{&http.Client{Timeout: harness.Timeout, Transport: &http.Transport{
		DialContext: dialer.DialContext, DisableKeepAlives: true}}}
}

// try sends a request, with a token if it is not empty.
func (c client) try(method, address, path, token, body string) (answer, error) {
	request, err := http.NewRequest(method, "http://"+address+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(text)}, err
}

// issue asks for a session.
func (c client) issue(t testing.TB, address, install, token string) answer {
	t.Helper()
	got, err := c.try("POST", address, harness.IssuePath, token, harness.IssueBody(install))
	require.NoError(t, err)
	return got
}

// get sends a GET request.
func (c client) get(t testing.TB, address, path, token string) answer {
	t.Helper()
	got, err := c.try("GET", address, path, token, "")
	require.NoError(t, err)
	return got
}

// users use their sessions, and newcomers ask for one, for as long as the test runs.
type users struct {
	mu       sync.Mutex
	tokens   []string
	requests int
	failures []string
	stop     chan struct{}
	ended    sync.WaitGroup
}

func startUsers(t *testing.T, proxy string) *users {
	u := &users{stop: make(chan struct{})}
	for worker := range 3 {
		u.ended.Go(func() { u.use(newClient(""), proxy, worker) })
	}
	u.ended.Go(func() { u.arrive(proxy) })
	t.Cleanup(u.end)
	return u
}

// use verifies one session after the other.
func (u *users) use(c client, proxy string, n int) {
	for ; !u.stopped(); n++ {
		u.mu.Lock()
		token := ""
		if len(u.tokens) > 0 {
			token = u.tokens[n%len(u.tokens)]
		}
		u.mu.Unlock()
		if token != "" {
			u.judge(c.try("GET", proxy, "/v1/library", token, ""))
		}
	}
}

// arrive has one client after the other, each from an address of its own, get a session and use it.
func (u *users) arrive(proxy string) {
	for n := 0; !u.stopped(); n++ {
		c := newClient(fmt.Sprintf("127.20.%d.%d", n/200%200, n%200+1))
		got, err := c.try("POST", proxy, harness.IssuePath, "",
			harness.IssueBody(fmt.Sprintf("newcomer-%08d", n)))
		if u.judge(got, err); err != nil || got.status != http.StatusOK {
			continue
		}
		var body struct {
			Token string `json:"session_token"`
		}
		if json.Unmarshal([]byte(got.body), &body) == nil {
			u.keep(body.Token)
			u.judge(c.try("GET", proxy, "/v1/library", body.Token, ""))
		}
	}
}

func (u *users) stopped() bool {
	select {
	case <-u.stop:
		return true
	case <-time.After(10 * time.Millisecond):
		return false
	}
}

// keep has users use a session from now on.
func (u *users) keep(token string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.tokens = append(u.tokens, token)
}

// judge notes a request that failed.
func (u *users) judge(got answer, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.requests++
	if err != nil || got.status != http.StatusOK {
		u.failures = append(u.failures, fmt.Sprintf("%v %d %s", err, got.status, got.body))
	}
}

// end has everyone stop.
func (u *users) end() {
	u.mu.Lock()
	select {
	case <-u.stop:
	default:
		close(u.stop)
	}
	u.mu.Unlock()
	u.ended.Wait()
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
