package sessionauth_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/offload/sessiond/adapters/sessionauth"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/token"
)

// proxy is the proxy of the environment, which net/http reads once. Requests to the tests' servers
// on loopback addresses never use it.
const proxy = "http://proxy.test:3128"

// TestMain also checks that no test leaves a goroutine behind.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{"HTTP_PROXY": proxy, "HTTPS_PROXY": proxy,
		"NO_PROXY": "", "no_proxy": ""} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}

const (
	issuerName = "offload-backend"
	audience   = "offload-ios"
	jwksURL    = "https://issuer.test/.well-known/jwks.json"
	installID  = "install-12345"
	// strong is a strong secret.
	strong = "q0Xv7Gm2Jw9sTzYhB4nLkRcEoAiUd8Pf3Vx6MgQyHbE="
)

// pair returns an EdDSA key whose seed repeats one byte.
func pair(id keys.ID, seed byte) keys.Key {
	return keys.NewEdDSA(id, bytes.Repeat([]byte{seed}, keys.SeedSize), keys.Plan{})
}

// set returns the JWK Set that an issuer with these keys publishes.
func set(t testing.TB, all ...keys.Key) string {
	t.Helper()
	keyring, err := keys.NewKeyring(all...)
	require.NoError(t, err)
	return keys.FormatPublic(keyring, time.Now())
}

// mint returns a session of one hour that starts now. If the caller's clock stands still, it must
// use mintAt instead.
func mint(t testing.TB, key keys.Key) string {
	t.Helper()
	return mintAt(t, key, time.Now())
}

// mintAt returns a session of one hour that starts at now.
func mintAt(t testing.TB, key keys.Key, now time.Time) string {
	t.Helper()
	id, broken := session.ParseInstallID(installID)
	require.Equal(t, session.RuleNone, broken)
	settings := session.Settings{Issuer: issuerName, Audience: audience, Lifetime: time.Hour}
	return token.Sign(settings.Claims(id, key.ID(), now), key)
}

// reply is an answer of an issuer.
type reply struct {
	status int
	body   string
	header http.Header
	// after is the delay before the answer, and bodyAfter the further delay before its body.
	after, bodyAfter time.Duration
	err              error
}

// publishes returns a good answer with these keys.
func publishes(t testing.TB, all ...keys.Key) reply {
	t.Helper()
	return reply{status: http.StatusOK, body: set(t, all...),
		header: http.Header{"Cache-Control": {"public, max-age=300"}}}
}

// down is the reply of an issuer that cannot be reached.
var down = reply{err: errors.New("dial tcp 192.0.2.1:443: connection refused")}

// issuer is an http.RoundTripper that answers without a socket, so that time passes in a synctest
// bubble. It records when it was called.
type issuer struct {
	mu        sync.Mutex
	reply     reply
	called    []time.Time
	last      *http.Request
	active    int // reads in progress
	maxActive int // the maximum of active
}

func (i *issuer) answer(next reply) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.reply = next
}

// reads returns when the issuer was called since the last call of reads.
func (i *issuer) reads() []time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	called := i.called
	i.called = nil
	return called
}

// inProgress returns the number of reads in progress.
func (i *issuer) inProgress() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.active
}

// tag returns the ETag that the last request named in If-None-Match.
func (i *issuer) tag() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.last.Header.Get("If-None-Match")
}

// RoundTrip implements http.RoundTripper.
func (i *issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	i.mu.Lock()
	i.called, i.last = append(i.called, time.Now()), r
	i.active++
	i.maxActive = max(i.maxActive, i.active)
	now := i.reply
	i.mu.Unlock()
	defer func() {
		i.mu.Lock()
		i.active--
		i.mu.Unlock()
	}()
	if err := wait(r, now.after); err != nil {
		return nil, err
	}
	if now.err != nil {
		return nil, now.err
	}
	header := now.header.Clone()
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{
		StatusCode: now.status, Header: header, Request: r,
		Body: io.NopCloser(&slowBody{r, now.bodyAfter, bytes.NewBufferString(now.body)}),
	}, nil
}

func wait(r *http.Request, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-r.Context().Done():
		return r.Context().Err()
	}
}

type slowBody struct {
	request *http.Request
	after   time.Duration
	text    *bytes.Buffer
}

func (b *slowBody) Read(p []byte) (int, error) {
	if err := wait(b.request, b.after); err != nil {
		return 0, err
	}
	return b.text.Read(p)
}

// service is a service that reads the keys of an issuer.
type service struct {
	*issuer
	jwks     *sessionauth.JWKS
	verifier *sessionauth.Verifier
	mu       sync.Mutex
	results  []error
}

// newService returns a service whose JWKS is not started yet. The issuer answers with first.
func newService(t testing.TB, first reply, additional ...keys.Key) *service {
	t.Helper()
	w := &service{issuer: &issuer{reply: first}}
	var err error
	w.jwks, err = sessionauth.NewJWKS(sessionauth.JWKSConfig{
		URL: jwksURL, Client: &http.Client{Transport: w.issuer}, Additional: additional,
		OnRefresh: func(err error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.results = append(w.results, err)
		},
	})
	require.NoError(t, err)
	w.verifier = verifier(t, w.jwks)
	return w
}

func verifier(t testing.TB, with sessionauth.Keys) *sessionauth.Verifier {
	t.Helper()
	made, err := sessionauth.New(sessionauth.Config{Issuer: issuerName, Audience: audience,
		Keys: with})
	require.NoError(t, err)
	return made
}

// outcomes returns the results of the reads since the last call of outcomes.
func (w *service) outcomes() []error {
	w.mu.Lock()
	defer w.mu.Unlock()
	results := w.results
	w.results = nil
	return results
}

// code sends a token to a handler behind the middleware, and returns "ok" or the error's code.
func (w *service) code(token string) string { return send(w.verifier, "Bearer "+token).code() }

// answer is a recorded answer.
type answer struct{ *httptest.ResponseRecorder }

func (a answer) code() string {
	if a.Code == http.StatusOK {
		return "ok"
	}
	return a.Header().Get("X-Error-Code")
}

// send sends a request with these Authorization headers to a handler behind the middleware, which
// answers with the install ID of its session.
func send(v *sessionauth.Verifier, authorization ...string) answer {
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	request.Header["Authorization"] = authorization
	recorder := httptest.NewRecorder()
	v.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		verified, ok := sessionauth.FromContext(r.Context())
		if !ok {
			panic("the middleware passed a request without a session")
		}
		_, _ = io.WriteString(w, verified.InstallID)
	})).ServeHTTP(recorder, request)
	return answer{recorder}
}
