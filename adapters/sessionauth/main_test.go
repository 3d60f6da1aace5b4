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

// proxy is the environment's, which net/http reads once. Loopback, where the tests' servers are,
// never goes through it.
const proxy = "http://proxy.test:3128"

// Whatever a test has started has ended by its end.
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
	// strong is a secret.
	strong = "q0Xv7Gm2Jw9sTzYhB4nLkRcEoAiUd8Pf3Vx6MgQyHbE="
)

// pair is an EdDSA key made of one byte.
func pair(id keys.ID, seed byte) keys.Key {
	return keys.NewEdDSA(id, bytes.Repeat([]byte{seed}, keys.SeedSize), keys.Plan{})
}

// set is what an issuer that has those keys publishes.
func set(t testing.TB, all ...keys.Key) string {
	t.Helper()
	ring, err := keys.NewKeyring(all...)
	require.NoError(t, err)
	return keys.FormatPublic(ring, time.Now())
}

// mint is a session of an hour that starts now.
func mint(t testing.TB, key keys.Key) string {
	t.Helper()
	id, broken := session.ParseInstallID(installID)
	require.Equal(t, session.RuleNone, broken)
	terms := session.Settings{Issuer: issuerName, Audience: audience, Lifetime: time.Hour}
	return token.Sign(terms.Claims(id, key.ID(), time.Now()), key)
}

// reply is how an issuer answers.
type reply struct {
	status int
	body   string
	header http.Header
	// after is how long the issuer lets wait for the answer, and bodyAfter how long then for its
	// body.
	after, bodyAfter time.Duration
	err              error
}

// publishes is a good answer.
func publishes(t testing.TB, all ...keys.Key) reply {
	t.Helper()
	return reply{status: http.StatusOK, body: set(t, all...),
		header: http.Header{"Cache-Control": {"public, max-age=300"}}}
}

// down is an issuer that does not answer.
var down = reply{err: errors.New("dial tcp 192.0.2.1:443: connection refused")}

// issuer answers without a socket, so that time in a bubble passes. It notes when it was asked.
type issuer struct {
	mu    sync.Mutex
	reply reply
	asked []time.Time
	last  *http.Request
	under int // how many readings are under way
	most  int // how many there ever were at a time
}

func (i *issuer) answer(next reply) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.reply = next
}

// reads is how often the issuer was asked since the last call.
func (i *issuer) reads() []time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	asked := i.asked
	i.asked = nil
	return asked
}

// underWay is how many readings are under way.
func (i *issuer) underWay() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.under
}

// tag is what the issuer was last asked whether it still stands.
func (i *issuer) tag() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.last.Header.Get("If-None-Match")
}

// RoundTrip is http.RoundTripper's.
func (i *issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	i.mu.Lock()
	i.asked, i.last = append(i.asked, time.Now()), r
	i.under++
	i.most = max(i.most, i.under)
	now := i.reply
	i.mu.Unlock()
	defer func() {
		i.mu.Lock()
		i.under--
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

// world is a service that reads the keys of an issuer.
type world struct {
	*issuer
	jwks     *sessionauth.JWKS
	verifier *sessionauth.Verifier
	mu       sync.Mutex
	told     []error
}

// newWorld makes one that has not started, where the issuer answers with first.
func newWorld(t testing.TB, first reply, beside ...keys.Key) *world {
	t.Helper()
	w := &world{issuer: &issuer{reply: first}}
	var err error
	w.jwks, err = sessionauth.NewJWKS(sessionauth.JWKSConfig{
		URL: jwksURL, Client: &http.Client{Transport: w.issuer}, Additional: beside,
		OnRefresh: func(err error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.told = append(w.told, err)
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

// outcomes are what the readings since the last call came to.
func (w *world) outcomes() []error {
	w.mu.Lock()
	defer w.mu.Unlock()
	told := w.told
	w.told = nil
	return told
}

// code is what a token comes to at a handler behind the middleware: "ok", or the error's code.
func (w *world) code(token string) string { return send(w.verifier, "Bearer "+token).code() }

// answer is what was answered.
type answer struct{ *httptest.ResponseRecorder }

func (a answer) code() string {
	if a.Code == http.StatusOK {
		return "ok"
	}
	return a.Header().Get("X-Error-Code")
}

// send asks a handler behind the middleware, which answers with the install id of the session that
// it finds.
func send(v *sessionauth.Verifier, authorization ...string) answer {
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	request.Header["Authorization"] = authorization
	recorder := httptest.NewRecorder()
	v.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims, ok := sessionauth.FromContext(r.Context())
		if !ok {
			panic("no session behind the middleware")
		}
		_, _ = io.WriteString(w, claims.InstallID.Text())
	})).ServeHTTP(recorder, request)
	return answer{recorder}
}
