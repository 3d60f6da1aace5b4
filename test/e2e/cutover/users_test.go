//go:build languages

package cutover_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

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

// issue requests a session.
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

// users use their sessions, and newcomers request one, for as long as the test runs.
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

// judge records a request that failed.
func (u *users) judge(got answer, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.requests++
	if err != nil || got.status != http.StatusOK {
		u.failures = append(u.failures, fmt.Sprintf("%v %d %s", err, got.status, got.body))
	}
}

// end stops all users, and waits for their last requests.
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
