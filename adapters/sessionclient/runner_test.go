package sessionclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/sessionclient"
	"github.com/offload/sessiond/test/appworld"
	"github.com/offload/sessiond/test/harness"
)

// runner runs one case.
type runner struct {
	t        *testing.T
	world    *appworld.World
	clock    *fakeClock
	open     place
	base     *http.Transport
	keys     map[string]sessionclient.Key
	storages map[string]*storage
	clients  map[string]*sessionclient.Client
	begun    map[string]*pending
}

// place is where sessions and keys are kept.
type place struct {
	storage func(folder string) sessionclient.Storage
	key     func(folder string) sessionclient.Key
}

// pending are calls that were begun.
type pending struct {
	cancel  context.CancelFunc
	results chan result
	calls   int
}

// result is the outcome of a call.
type result struct {
	status int
	body   string
	token  string
	err    error
}

func newRunner(t *testing.T, env map[string]string, open place) *runner {
	t.Helper()
	world, err := appworld.New(env)
	require.NoError(t, err)
	r := &runner{t: t, world: world, clock: newFakeClock(world.Now), open: open,
		base: &http.Transport{MaxIdleConnsPerHost: 64}, keys: map[string]sessionclient.Key{},
		storages: map[string]*storage{},
		clients:  map[string]*sessionclient.Client{}, begun: map[string]*pending{}}
	return r
}

// close ends the world, and waits for the exchanges that are still on their way: they save their
// results.
func (r *runner) close() {
	for _, begun := range r.begun {
		begun.cancel()
	}
	assert.NoError(r.t, r.world.Close())
	for name := range r.clients {
		r.await("idle", name)
	}
	r.base.CloseIdleConnections()
}

func (r *runner) run(c testCase) {
	defer r.close()
	for i, step := range c.Steps {
		r.step(step)
		if r.t.Failed() {
			text, _ := json.Marshal(step)
			r.t.Fatalf("step %d: %s", i+1, text)
		}
	}
}

func (r *runner) step(s testStep) {
	t := r.t
	switch {
	case s.Client != nil:
		r.client(*s.Client)
	case s.Refused != nil:
		r.refused(*s.Refused)
	case s.Request != nil:
		r.begin("", *s.Request)
		r.finish("", s.Expect)
	case s.Begin != nil:
		r.begin(s.Begin.As, *s.Begin)
	case s.Finish != "":
		r.finish(s.Finish, s.Expect)
	case s.Cancel != "":
		r.begun[s.Cancel].cancel()
	case s.Token != "":
		token, err := r.clients[s.Token].Token(t.Context())
		r.check(*s.Expect, result{token: token, err: err})
	case s.Credentials != nil:
		r.check(*s.Expect, r.credentials(*s.Credentials))
	case s.SignOut != "":
		err := r.clients[s.SignOut].SignOut(t.Context())
		assert.Equal(t, s.Expect != nil && s.Expect.Error == "storage", err != nil, "%v", err)
	case s.Advance != 0:
		d := time.Duration(s.Advance * float64(time.Second))
		r.world.Advance(d)
		r.clock.advance(d)
	case s.DeviceClock != 0:
		r.clock.move(time.Duration(s.DeviceClock * float64(time.Second)))
	case s.Answers != nil:
		r.world.Answer(s.Answers.Sessions, s.Answers.Application)
	case s.Release:
		r.world.Release()
	case s.Await != nil:
		for name, value := range s.Await {
			r.await(name, value)
		}
	case s.Seen != nil:
		seen := r.seen()
		for name, value := range s.Seen {
			assert.Equal(t, value, seen[name], name)
		}
	case s.Stored != nil:
		require.NoError(t, r.storage(s.Stored.Storage).Save(t.Context(), s.Stored.Text))
	case s.Holds != nil:
		text, err := r.storage(s.Holds.Storage).Load(t.Context())
		require.NoError(t, err)
		installID, token := sessionclient.Held(text)
		assert.Equal(t, s.Holds.InstallID, installID != "", "install ID: %s", text)
		assert.Equal(t, s.Holds.Token, token != "", "token: %s", text)
	case s.StorageFails != "":
		r.storage(s.StorageFails).failing.Store(true)
	default:
		t.Fatal("a step without a verb")
	}
}

func (r *runner) storage(name string) *storage {
	if r.storages[name] == nil {
		r.storages[name] = &storage{Storage: r.open.storage(r.t.TempDir())}
	}
	return r.storages[name]
}

func (r *runner) key(name string) sessionclient.Key {
	if r.keys[name] == nil {
		r.keys[name] = r.open.key(r.t.TempDir())
	}
	return r.keys[name]
}

func (r *runner) client(s clientStep) {
	config := sessionclient.Config{Sessions: r.world.Sessions,
		Application: []string{r.world.Application}, Storage: r.storage(s.Storage),
		InstallID: s.InstallID, AppVersion: "1.0", Platform: "test", Timeout: harness.Timeout,
		MaxWait: time.Duration(s.MaxWait * float64(time.Second)), Transport: r.base}
	if s.AppVersion != "" {
		config.AppVersion = s.AppVersion
	}
	if s.Timeout != 0 {
		config.Timeout = time.Duration(s.Timeout * float64(time.Second))
	}
	if s.Key != "" {
		config.Key = r.key(s.Key)
	}
	client, err := sessionclient.New(config)
	require.NoError(r.t, err)
	r.clock.of(client)
	r.clients[s.As] = client
}

func (r *runner) refused(s refusedStep) {
	config := sessionclient.Config{Sessions: "https://sessions.example", AppVersion: "1.0",
		Platform: "test"}
	if s.Sessions != "" {
		config.Sessions = s.Sessions
	}
	if s.Application != "" {
		config.Application = []string{s.Application}
	}
	config.InstallID = s.InstallID
	if s.Key != "" {
		config.Key = r.key(s.Key)
	}
	_, err := sessionclient.New(config)
	assert.Error(r.t, err)
}

func (r *runner) begin(name string, s requestStep) {
	ctx, cancel := context.WithCancel(r.t.Context())
	calls := max(s.Times, 1)
	begun := &pending{cancel: cancel, results: make(chan result, calls), calls: calls}
	r.begun[name] = begun
	client := &http.Client{Transport: r.clients[s.Client].RoundTripper(r.base)}
	for range calls {
		go func() { begun.results <- r.send(ctx, client, s) }()
	}
}

// credentials sends a request with the headers that the client gives for it.
func (r *runner) credentials(s requestStep) result {
	target := r.world.Application + s.Path
	header, err := r.clients[s.Client].Credentials(r.t.Context(), s.Method, target)
	if err != nil {
		return result{err: err}
	}
	request, err := http.NewRequestWithContext(r.t.Context(), s.Method, target, nil)
	require.NoError(r.t, err)
	request.Header = header
	return answered((&http.Client{Transport: r.base}).Do(request))
}

func (r *runner) send(ctx context.Context, client *http.Client, s requestStep) result {
	target := strings.NewReplacer("{application}", r.world.Application, "{elsewhere}",
		strings.Replace(r.world.Application, "127.0.0.1", "localhost", 1)).Replace(s.Path)
	if strings.HasPrefix(target, "/") {
		target = r.world.Application + target
	}
	var body io.Reader
	if s.Body != "" {
		body = strings.NewReader(s.Body)
	}
	if s.Stream {
		body = struct{ io.Reader }{body} // without GetBody
	}
	request, err := http.NewRequestWithContext(ctx, s.Method, target, body)
	if err != nil {
		return result{err: err}
	}
	for name, value := range s.Headers {
		request.Header.Set(name, value)
	}
	return answered(client.Do(request))
}

// answered returns the outcome of a request.
func answered(answer *http.Response, err error) result {
	if err != nil {
		return result{err: err}
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	return result{status: answer.StatusCode, body: string(text), err: err}
}

func (r *runner) finish(name string, expected *expectation) {
	begun := r.begun[name]
	for range begun.calls {
		r.check(*expected, harness.Receive(r.t, "a request ends", begun.results))
	}
	begun.cancel()
}

// check compares a result with the members that an expectation has.
func (r *runner) check(expected expectation, got result) {
	t := r.t
	if expected.Error == "cancelled" {
		assert.ErrorIs(t, got.err, context.Canceled)
		return
	}
	if expected.Error == "" {
		require.NoError(t, got.err)
		assert.Equal(t, expected.Token, got.token != "")
		assert.Equal(t, expected.Status, got.status, "%s", got.body)
		if expected.Body != nil {
			var body map[string]any
			require.NoError(t, json.Unmarshal([]byte(got.body), &body), "%s", got.body)
			for name, value := range expected.Body {
				assert.Equal(t, value, body[name], name)
			}
		}
		return
	}
	failure, ok := errors.AsType[*sessionclient.Error](got.err)
	require.True(t, ok, "%v (status %d)", got.err, got.status)
	assert.Equal(t, expected.Error, failure.Code, "%v", got.err)
	if expected.Status != 0 {
		assert.Equal(t, expected.Status, failure.Status)
	}
	if expected.RetryAfter != nil {
		assert.Equal(t, *expected.RetryAfter, failure.RetryAfter.Seconds())
	}
	if expected.Details != nil {
		assert.Equal(t, expected.Details, failure.Details)
	}
	if expected.RequestID != "" {
		assert.Equal(t, expected.RequestID, failure.RequestID)
	}
}

// seen returns what the world saw, under the names of its JSON.
func (r *runner) seen() map[string]any {
	text, err := json.Marshal(r.world.Seen())
	require.NoError(r.t, err)
	var seen map[string]any
	require.NoError(r.t, json.Unmarshal(text, &seen))
	return seen
}

func (r *runner) await(name string, value any) {
	var reached func() bool
	switch name {
	case "idle":
		reached = func() bool { return sessionclient.Idle(r.clients[value.(string)]) }
	case "sleeping":
		reached = func() bool { return float64(r.clock.sleeping()) >= value.(float64) }
	default:
		reached = func() bool { return r.seen()[name].(float64) >= value.(float64) }
	}
	harness.Poll(r.t, fmt.Sprintf("%s is %v", name, value), reached)
}
