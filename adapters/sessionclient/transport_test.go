package sessionclient_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/sessionclient"
)

// roundTripper is a function as an http.RoundTripper.
type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// body is a request body that records whether it was closed.
type body struct {
	io.Reader
	closed atomic.Int32
}

func newBody(text string) *body { return &body{Reader: strings.NewReader(text)} }

// Close implements io.Closer.
func (b *body) Close() error {
	b.closed.Add(1)
	return nil
}

// answers returns a base that reads and closes the body, records what it got, and answers with the
// statuses and codes in order.
func answers(got *[]string, all ...*http.Response) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		text := ""
		if r.Body != nil {
			read, err := io.ReadAll(r.Body)
			_ = r.Body.Close()
			if err != nil {
				return nil, err
			}
			text = string(read)
		}
		*got = append(*got, r.Header.Get("Authorization")+" "+text)
		answer := all[min(len(*got), len(all))-1]
		answer.Request = r
		return answer, nil
	})
}

func TestRoundTripLeavesTheRequestAsItIs(t *testing.T) {
	t.Parallel()
	client := newClient(t, &service{}, nil)
	var got []string
	expired := reply(401, "no", "X-Error-Code", "expired_token")
	transport := client.RoundTripper(answers(&got, expired, reply(200, "yes")))
	request, err := http.NewRequest("POST", applicationURL+"/a", strings.NewReader("text"))
	require.NoError(t, err)
	request.Header.Set("X-Own", "1")
	original, sent := request.Body, request.Clone(t.Context())
	response, err := transport.RoundTrip(request)
	require.NoError(t, err)
	assert.Equal(t, 200, response.StatusCode)
	assert.Equal(t, sent.Header, request.Header)
	assert.Equal(t, original, request.Body)
	assert.Equal(t, []string{"Bearer session.1 text", "Bearer session.2 text"}, got)
	assert.Same(t, request, response.Request, "logs of responses must not get the session")
}

func TestRoundTripClosesTheBody(t *testing.T) {
	t.Parallel()
	refuse := func(*http.Request) (*http.Response, error) { return reply(500, ""), nil }
	invalid := func() *http.Response { return reply(401, "", "X-Error-Code", "invalid_token") }
	for name, c := range map[string]struct {
		service *service
		answers []*http.Response
		getBody bool
		fails   bool
	}{
		"sent":                        {&service{}, []*http.Response{reply(200, "")}, false, false},
		"no session":                  {&service{answer: refuse}, nil, false, true},
		"no session, can be replayed": {&service{answer: refuse}, nil, true, true},
		"sent again":                  {&service{}, []*http.Response{invalid(), reply(200, "")}, true, false},
		"not sent again":              {&service{}, []*http.Response{invalid()}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			transport := newClient(t, c.service, nil).RoundTripper(answers(&got, c.answers...))
			first := newBody("x")
			bodies := []*body{first}
			request, err := http.NewRequest("POST", applicationURL, first)
			require.NoError(t, err)
			if c.getBody {
				request.GetBody = func() (io.ReadCloser, error) {
					again := newBody("x")
					bodies = append(bodies, again)
					return again, nil
				}
			}
			_, err = transport.RoundTrip(request)
			assert.Equal(t, c.fails, err != nil, "%v", err)
			for _, body := range bodies {
				assert.EqualValues(t, 1, body.closed.Load())
			}
		})
	}
}

func TestTheBodyForASecondSendIsClosedIfThereIsNoSession(t *testing.T) {
	t.Parallel()
	service := &service{}
	service.answer = func(*http.Request) (*http.Response, error) {
		if service.seen() == 1 {
			return nil, nil
		}
		return nil, errors.New("connection refused")
	}
	client := newClient(t, service, nil)
	var got []string
	refused := reply(401, "", "X-Error-Code", "expired_token")
	closed := newBody("no")
	refused.Body = closed
	again := newBody("x")
	request, err := http.NewRequest("POST", applicationURL, newBody("x"))
	require.NoError(t, err)
	request.GetBody = func() (io.ReadCloser, error) { return again, nil }
	_, err = client.RoundTripper(answers(&got, refused)).RoundTrip(request)
	failure, ok := errors.AsType[*sessionclient.Error](err)
	require.True(t, ok, "%v", err)
	assert.Equal(t, sessionclient.CodeUnreachable, failure.Code)
	assert.EqualValues(t, 1, again.closed.Load())
	assert.EqualValues(t, 1, closed.closed.Load(), "the body of the 401 too")
}

func TestABodyThatCannotBeHadAgainIsNotSentAgain(t *testing.T) {
	t.Parallel()
	client := newClient(t, &service{}, nil)
	var got []string
	request, err := http.NewRequest("POST", applicationURL, newBody("x"))
	require.NoError(t, err)
	request.GetBody = func() (io.ReadCloser, error) { return nil, errors.New("gone") }
	response, err := client.RoundTripper(answers(&got,
		reply(401, "as it is", "X-Error-Code", "expired_token"))).RoundTrip(request)
	require.NoError(t, err)
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	assert.Equal(t, "as it is", string(text))
	assert.Len(t, got, 1)
}

func TestErrorsOfTheBaseAndOfTheContextAreReturned(t *testing.T) {
	t.Parallel()
	client := newClient(t, &service{}, nil)
	broken := errors.New("broken")
	transport := client.RoundTripper(roundTripper(func(*http.Request) (*http.Response, error) {
		return nil, broken
	}))
	request, err := http.NewRequest("GET", applicationURL, nil)
	require.NoError(t, err)
	_, err = transport.RoundTrip(request)
	assert.Equal(t, broken, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = transport.RoundTrip(request.WithContext(ctx))
	assert.Equal(t, context.Canceled, err)
}

// TestOrigins checks which requests get the session.
func TestOrigins(t *testing.T) {
	t.Parallel()
	client := newClient(t, &service{}, func(c *sessionclient.Config) {
		c.Application = []string{"https://API.example/base/", "http://localhost:8080",
			"http://[::1]:81", "https://bücher.example"}
	})
	for target, want := range map[string]bool{
		"https://api.example":                 true,
		"https://api.example:443/other":       true,
		"HTTPS://API.EXAMPLE/a":               true,
		"https://api.example:8443":            false,
		"http://api.example":                  false,
		"http://api.example:443":              false,
		"https://api.example.evil.example":    false,
		"https://evil.example/?api.example":   false,
		"https://api.example@evil.example/":   false,
		"https://user@api.example/":           true,
		"https://sub.api.example":             false,
		"http://localhost:8080":               true,
		"http://localhost":                    false,
		"http://127.0.0.1:8080":               false,
		"http://[::1]:81/a":                   true,
		"http://[::1]:82/a":                   false,
		"https://sessions.example/v1/session": false,
		"https://bücher.example/a":            true,
		"https://BÜCHER.example:443":          true,
		"https://xn--bcher-kva.example":       true,
		"https://bucher.example":              false,
		"http://[::1%25lo]:81/a":              false,
	} {
		request, err := http.NewRequest("GET", target, nil)
		require.NoError(t, err, target)
		request.Host = "api.example" // changes the Host header only
		var got []string
		_, err = client.RoundTripper(answers(&got, reply(200, ""))).RoundTrip(request)
		require.NoError(t, err)
		assert.Equal(t, want, strings.HasPrefix(got[0], "Bearer session."), target)
	}
}

func TestCredentialsOfTheAppCountHoweverTheyAreWritten(t *testing.T) {
	t.Parallel()
	client := newClient(t, &service{}, nil)
	request, err := http.NewRequest("GET", applicationURL, nil)
	require.NoError(t, err)
	request.Header["authorization"] = []string{"Bearer own"} // not by Set
	base := roundTripper(func(r *http.Request) (*http.Response, error) {
		assert.Equal(t, request.Header, r.Header)
		return reply(200, ""), nil
	})
	_, err = client.RoundTripper(base).RoundTrip(request)
	require.NoError(t, err)
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*sessionclient.Config)
		want   error
	}{
		"as it is":       {func(*sessionclient.Config) {}, nil},
		"no URL":         {func(c *sessionclient.Config) { c.Sessions = "" }, sessionclient.ErrURL},
		"a path":         {func(c *sessionclient.Config) { c.Sessions = "/v1" }, sessionclient.ErrURL},
		"another scheme": {func(c *sessionclient.Config) { c.Sessions = "ftp://a.example" }, sessionclient.ErrURL},
		"a password":     {func(c *sessionclient.Config) { c.Sessions = "https://u:p@a.example" }, sessionclient.ErrURL},
		"a query":        {func(c *sessionclient.Config) { c.Sessions = "https://a.example?b" }, sessionclient.ErrURL},
		"an empty query": {func(c *sessionclient.Config) { c.Sessions = "https://a.example?" }, sessionclient.ErrURL},
		"http":           {func(c *sessionclient.Config) { c.Sessions = "http://a.example" }, sessionclient.ErrHTTP},
		"http, a lookalike": {func(c *sessionclient.Config) { c.Sessions = "http://localhost.example" },
			sessionclient.ErrHTTP},
		"http here": {func(c *sessionclient.Config) { c.Sessions = "http://[::1]:1" }, nil},
		"application, http": {func(c *sessionclient.Config) {
			c.Application = append(c.Application, "http://a.example")
		}, sessionclient.ErrHTTP},
		"a short install ID": {func(c *sessionclient.Config) { c.InstallID = "short" }, sessionclient.ErrInstallID},
		"no version":         {func(c *sessionclient.Config) { c.AppVersion = "" }, sessionclient.ErrApp},
		"no platform":        {func(c *sessionclient.Config) { c.Platform = "" }, sessionclient.ErrApp},
		"negative timeout":   {func(c *sessionclient.Config) { c.Timeout = -1 }, sessionclient.ErrDuration},
		"negative wait":      {func(c *sessionclient.Config) { c.MaxWait = -1 }, sessionclient.ErrDuration},
	} {
		config := sessionclient.Config{Sessions: sessionsURL,
			Application: []string{applicationURL}, AppVersion: "1.0", Platform: "test"}
		c.change(&config)
		_, err := sessionclient.New(config)
		assert.Equal(t, c.want, err, name)
	}
}

func TestErrorsShowNeitherTokenNorInstallID(t *testing.T) {
	t.Parallel()
	const id = "install-secret"
	service := &service{}
	service.answer = func(r *http.Request) (*http.Response, error) {
		text := r.Header.Get("Authorization") + " " + id
		switch service.seen() {
		case 1:
			return nil, nil
		case 2:
			return nil, errors.New("cannot send " + text)
		case 3:
			return reply(500, `{"error":{"code":"internal_error","details":[{"field":"`+text+
				`","rule":"x"}]}}`, "X-Request-ID", text), nil
		default:
			return reply(422, "", "X-Error-Code", text), nil
		}
	}
	client := newClient(t, service, func(c *sessionclient.Config) { c.InstallID = id })
	token, err := client.Token(t.Context())
	require.NoError(t, err)
	var got []string
	for range 3 {
		request, err := http.NewRequest("GET", applicationURL, nil)
		require.NoError(t, err)
		_, err = client.RoundTripper(answers(&got,
			reply(401, "", "X-Error-Code", "expired_token"))).RoundTrip(request)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), id)
		assert.NotContains(t, err.Error(), token)
	}
}
