package appworld_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/offload/sessiond/test/appworld"
	"github.com/offload/sessiond/test/harness"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// client keeps no connection, so that a closed one never causes a second request.
func client(t *testing.T) *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true},
		Timeout: harness.Timeout, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}}
}

func send(t *testing.T, method, url, token, body string) (int, http.Header, string) {
	t.Helper()
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	require.NoError(t, err)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := client(t).Do(request)
	require.NoError(t, err)
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, answer.Header, string(text)
}

func issue(t *testing.T, world *appworld.World, token string) string {
	t.Helper()
	status, _, body := send(t, "POST", world.Sessions+harness.IssuePath, token,
		harness.IssueBody("install-12345"))
	require.Equal(t, 200, status, body)
	var session harness.Session
	require.NoError(t, json.Unmarshal([]byte(body), &session))
	return session.Token
}

func start(t *testing.T, env map[string]string) *appworld.World {
	t.Helper()
	world, err := appworld.New(env)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, world.Close()) })
	return world
}

func TestApplicationVerifiesTheSessionsOfTheServiceUnderOneClock(t *testing.T) {
	t.Parallel()
	world := start(t, map[string]string{"OFFLOAD_SESSION_TTL_SECONDS": "100"})
	first := issue(t, world, "")
	status, _, body := send(t, "PUT", world.Application+"/echo/a", first, "x")
	assert.Equal(t, 200, status)
	assert.JSONEq(t, `{"method":"PUT","path":"/echo/a","body":"x","install_id":"install-12345",
		"binding":"none"}`,
		body)
	world.Advance(100 * time.Second)
	status, header, _ := send(t, "GET", world.Application+"/echo", first, "")
	assert.Equal(t, 401, status)
	assert.Equal(t, "expired_token", header.Get("X-Error-Code"))
	second := issue(t, world, first)
	status, _, _ = send(t, "GET", world.Application+"/echo", second, "")
	assert.Equal(t, 200, status)

	_, _, body = send(t, "GET", world.Application+"/open", second, "")
	assert.JSONEq(t, `{"authorization":true}`, body)
	_, _, body = send(t, "GET", world.Application+"/open", "", "")
	assert.JSONEq(t, `{"authorization":false}`, body)
	status, header, _ = send(t, "POST", world.Application+"/redirect?to=/echo", "", "")
	assert.Equal(t, 307, status)
	assert.Equal(t, "/echo", header.Get("Location"))
	assert.Equal(t, appworld.Seen{Issued: 1, Renewed: 1, SessionRequests: 2,
		ApplicationRequests: 6, Tokens: 2}, world.Seen())
}

func TestSubstitutesAreGivenOnceInOrder(t *testing.T) {
	t.Parallel()
	world := start(t, nil)
	world.Answer([]appworld.Answer{
		{Status: 503, Headers: map[string]string{"Retry-After": "7"}, Body: "later"},
		{Pass: true},
		{Close: true},
	}, nil)
	status, header, body := send(t, "POST", world.Sessions+harness.IssuePath, "", "")
	assert.Equal(t, 503, status)
	assert.Equal(t, "7", header.Get("Retry-After"))
	assert.Equal(t, "later", body)
	assert.Equal(t, "*", header.Get("Access-Control-Allow-Origin"))
	issue(t, world, "")
	answer, err := client(t).Post(world.Sessions+harness.IssuePath, "", nil)
	if err == nil {
		_ = answer.Body.Close()
	}
	assert.Error(t, err, "the connection must close")
	issue(t, world, "")
	assert.Equal(t, 2, world.Seen().Issued)
}

func TestHeldRequestsWaitForRelease(t *testing.T) {
	t.Parallel()
	world := start(t, nil)
	token := issue(t, world, "")
	world.Answer(nil, []appworld.Answer{{Hold: true}, {Silent: true}})
	done := make(chan int, 1)
	go func() {
		status, _, _ := send(t, "POST", world.Application+"/echo", token, "x")
		done <- status
	}()
	harness.Poll(t, "the request is held", func() bool { return world.Seen().Held == 1 })
	impatient := client(t)
	impatient.Timeout = 50 * time.Millisecond
	answer, err := impatient.Get(world.Application + "/echo")
	if err == nil {
		_ = answer.Body.Close()
	}
	assert.Error(t, err, "a silent server must not answer")
	world.Release()
	assert.Equal(t, 200, harness.Receive(t, "the held request is answered", done))
	assert.Zero(t, world.Seen().Held)
}

func TestPagesOfEveryOriginMayReadAnswers(t *testing.T) {
	t.Parallel()
	world := start(t, nil)
	for _, url := range []string{world.Sessions + harness.IssuePath, world.Application + "/echo"} {
		request, err := http.NewRequest("OPTIONS", url, nil)
		require.NoError(t, err)
		request.Header.Set("Origin", "https://page.test")
		request.Header.Set("Access-Control-Request-Method", "POST")
		answer, err := client(t).Do(request)
		require.NoError(t, err)
		_ = answer.Body.Close()
		assert.Equal(t, 204, answer.StatusCode)
		assert.Equal(t, "*", answer.Header.Get("Access-Control-Allow-Origin"))
		status, header, _ := send(t, "POST", url, "", "")
		assert.NotEqual(t, 200, status)
		assert.Equal(t, "*", header.Get("Access-Control-Allow-Origin"))
		assert.Contains(t, header.Get("Access-Control-Expose-Headers"), "X-Error-Code")
	}
	assert.Equal(t, 1, world.Seen().SessionRequests, "preflights are not counted")
}

func TestControlOverHTTP(t *testing.T) {
	t.Parallel()
	control := appworld.NewControl()
	server := httptest.NewServer(control)
	t.Cleanup(func() {
		server.Close()
		assert.NoError(t, control.Close())
	})
	status, _, body := send(t, "POST", server.URL+"/worlds", "",
		`{"env":{"OFFLOAD_SESSION_TTL_SECONDS":"100"}}`)
	require.Equal(t, 200, status, body)
	var made struct {
		Sessions, Application, Control string
		Now                            int64
	}
	require.NoError(t, json.Unmarshal([]byte(body), &made))
	assert.Equal(t, "2026-02-16T12:00:00Z", time.Unix(made.Now, 0).UTC().Format(time.RFC3339))
	world := &appworld.World{Sessions: made.Sessions, Application: made.Application}
	token := issue(t, world, "")
	for path, given := range map[string]string{"/advance": `{"seconds":99.5}`,
		"/answers": `{"application":[{"status":418}]}`, "/release": ""} {
		status, _, body = send(t, "POST", made.Control+path, "", given)
		assert.Equal(t, 200, status, path)
		assert.Equal(t, "{}", body)
	}
	status, _, _ = send(t, "GET", world.Application+"/echo", token, "")
	assert.Equal(t, 418, status)
	status, _, _ = send(t, "GET", world.Application+"/echo", token, "")
	assert.Equal(t, 200, status)
	_, _, body = send(t, "GET", made.Control+"/seen", "", "")
	assert.JSONEq(t, `{"issued":1,"renewed":0,"session_requests":1,"application_requests":2,
		"held":0,"tokens":1,"proofs":0}`, body)
	status, _, body = send(t, "POST", made.Control+"/answers", "", `{"session":[]}`)
	assert.Equal(t, 400, status, "a misspelt member must not go unnoticed: %s", body)
	status, _, body = send(t, "POST", server.URL+"/worlds", "", `{"env":{"OFFLOAD_HTTP2":"x"}}`)
	assert.Equal(t, 400, status)
	assert.Contains(t, body, "OFFLOAD_HTTP2")
	status, _, _ = send(t, "DELETE", made.Control, "", "")
	assert.Equal(t, 200, status)
	status, _, _ = send(t, "GET", made.Control+"/seen", "", "")
	assert.Equal(t, 404, status)
	answer, err := client(t).Post(made.Sessions, "", bytes.NewReader(nil))
	if err == nil {
		_ = answer.Body.Close()
	}
	assert.Error(t, err, "the world must have ended")
}
