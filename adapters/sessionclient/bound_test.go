package sessionclient_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/sessionclient"
	"github.com/offload/sessiond/test/appworld"
	"github.com/offload/sessiond/test/harness"
)

// claims are those of a proof that was sent.
type claims struct {
	Method string `json:"htm"`
	URI    string `json:"htu"`
	At     int64  `json:"iat"`
	Nonce  string `json:"nonce"`
	Token  string `json:"ath"`
}

// claimsOf returns the claims of the proof in a header.
func claimsOf(t *testing.T, header http.Header) claims {
	t.Helper()
	parts := strings.Split(header.Get("DPoP"), ".")
	require.Len(t, parts, 3)
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	var got claims
	require.NoError(t, json.Unmarshal(text, &got))
	return got
}

// withKey binds the sessions of a client to a new key.
func withKey(c *sessionclient.Config) { c.Key = sessionclient.NewMemoryKey() }

// newBoundWorld returns a world in which sessions can be bound.
func newBoundWorld(t *testing.T) *appworld.World {
	t.Helper()
	world, err := appworld.New(map[string]string{"OFFLOAD_SESSION_BINDING": "accept"})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, world.Close()) })
	return world
}

// recorder keeps the requests that it sends on.
type recorder struct {
	base http.RoundTripper
	mu   sync.Mutex
	sent []*http.Request
}

// RoundTrip implements http.RoundTripper.
func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	r.mu.Lock()
	r.sent = append(r.sent, request.Clone(request.Context()))
	r.mu.Unlock()
	return r.base.RoundTrip(request)
}

// newBoundClient returns a client in a world whose clock it has, as an http.Client, and what it
// sends to the service and to the application.
func newBoundClient(t *testing.T, world *appworld.World, key sessionclient.Key) (app *http.Client,
	sessions, application *recorder) {
	t.Helper()
	base := &http.Transport{}
	t.Cleanup(base.CloseIdleConnections)
	sessions, application = &recorder{base: base}, &recorder{base: base}
	client, err := sessionclient.New(sessionclient.Config{Sessions: world.Sessions,
		Application: []string{world.Application}, Key: key,
		AppVersion: "1.0", Platform: "test", Timeout: harness.Timeout, Transport: sessions})
	require.NoError(t, err)
	newFakeClock(world.Now).of(client)
	return &http.Client{Transport: client.RoundTripper(application)}, sessions, application
}

// TestAProofNamesTheHostThatIsSent has hosts that are sent in another form than they are written.
func TestAProofNamesTheHostThatIsSent(t *testing.T) {
	t.Parallel()
	world := newBoundWorld(t)
	parsed, err := url.Parse(world.Sessions)
	require.NoError(t, err)
	address := "http://[::1%25lo]:" + parsed.Port()
	base := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
	}}
	t.Cleanup(base.CloseIdleConnections)
	client, err := sessionclient.New(sessionclient.Config{Sessions: address,
		Application: []string{address}, Key: sessionclient.NewMemoryKey(),
		AppVersion: "1.0", Platform: "test", Timeout: harness.Timeout, Transport: base})
	require.NoError(t, err)
	newFakeClock(world.Now).of(client)
	for _, host := range []string{"", "bücher.example", "BÜCHER.example:81"} {
		request, err := http.NewRequest("GET", address+"/v1/sessions/current", nil)
		require.NoError(t, err)
		if host != "" {
			request.Host = host
		}
		response, err := client.RoundTripper(base).RoundTrip(request)
		require.NoError(t, err)
		assert.NoError(t, response.Body.Close())
		assert.Equal(t, 200, response.StatusCode, host)
	}
}

// TestEachKindOfKeyIsAcceptedByTheService has keys as hardware has them.
func TestEachKindOfKeyIsAcceptedByTheService(t *testing.T) {
	t.Parallel()
	world := newBoundWorld(t)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	for _, signer := range []crypto.Signer{newP256(t), ed} {
		key, err := sessionclient.KeyOf(signer)
		require.NoError(t, err)
		app, _, _ := newBoundClient(t, world, key)
		answer, err := app.Get(world.Application + "/echo")
		require.NoError(t, err)
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		assert.Equal(t, 200, answer.StatusCode, "%T: %s", signer, text)
		assert.Contains(t, string(text), `"binding":"key"`)
	}
}

func TestARedirectHasAProofForEachHop(t *testing.T) {
	t.Parallel()
	world := newBoundWorld(t)
	app, _, sent := newBoundClient(t, world, sessionclient.NewMemoryKey())
	answer, err := app.Post(world.Application+"/redirect?to=/echo/b", "text/plain",
		strings.NewReader("x"))
	require.NoError(t, err)
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	assert.Equal(t, 200, answer.StatusCode, "%s", text)
	var uris []string
	for _, each := range sent.sent {
		uris = append(uris, claimsOf(t, each.Header).URI)
	}
	assert.Equal(t, []string{world.Application + "/redirect", world.Application + "/echo/b"}, uris)
	assert.Empty(t, answer.Request.Header.Get("DPoP"), "logs of responses must not get the proof")
}

// TestWhatWasSentIsOfNoUseToOthers sends again what the client has sent, as who reads it on its way
// can do.
func TestWhatWasSentIsOfNoUseToOthers(t *testing.T) {
	t.Parallel()
	world := newBoundWorld(t)
	app, sessions, application := newBoundClient(t, world, sessionclient.NewMemoryKey())
	answer, err := app.Get(world.Application + "/echo")
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, 200, answer.StatusCode)
	again := func(method, url string, header http.Header, body string) (int, string) {
		request, err := http.NewRequest(method, url, strings.NewReader(body))
		require.NoError(t, err)
		request.Header = header
		answer, err := sessions.base.RoundTrip(request)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		return answer.StatusCode, answer.Header.Get("X-Error-Code")
	}
	asked := sessions.sent[0]
	body, err := asked.GetBody()
	require.NoError(t, err)
	text, err := io.ReadAll(body)
	require.NoError(t, err)
	status, code := again("POST", asked.URL.String(), asked.Header, string(text))
	assert.Equal(t, 401, status)
	assert.Equal(t, "invalid_proof", code, "the service takes each proof once")

	used := application.sent[0]
	status, code = again("GET", world.Application+"/echo/other", used.Header.Clone(), "")
	assert.Equal(t, 401, status)
	assert.Equal(t, "invalid_proof", code, "a proof is for one URL")
	bearer := http.Header{"Authorization": {"Bearer " +
		strings.TrimPrefix(used.Header.Get("Authorization"), "DPoP ")}}
	status, code = again("GET", world.Application+"/echo", bearer, "")
	assert.Equal(t, 401, status)
	assert.Equal(t, "invalid_token", code, "a bound session is no bearer token")
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	bearer, bound := newClient(t, &service{}, nil), newClient(t, &service{}, withKey)
	for _, c := range []struct {
		method, url, htm, htu string
	}{
		{"GET", applicationURL + "/a?b#c", "GET", applicationURL + "/a"},
		{"", applicationURL, "GET", applicationURL + "/"},
		{"GET", "wss://api.example/socket?token=1", "GET", "https://api.example/socket"},
		{"POST", "https://api.example:443/Service/Method", "POST",
			"https://api.example:443/Service/Method"},
	} {
		header, err := bearer.Credentials(t.Context(), c.method, c.url)
		require.NoError(t, err)
		assert.Equal(t, http.Header{"Authorization": {"Bearer session.1"}}, header)
		header, err = bound.Credentials(t.Context(), c.method, c.url)
		require.NoError(t, err)
		assert.Equal(t, "DPoP session.1", header.Get("Authorization"))
		assert.Len(t, header, 2)
		got := claimsOf(t, header)
		assert.Equal(t, c.htm, got.Method)
		assert.Equal(t, c.htu, got.URI)
		assert.NotEmpty(t, got.Token)
	}
	for target, want := range map[string]error{
		"https://other.example/":        sessionclient.ErrOrigin,
		"http://api.example/":           sessionclient.ErrOrigin,
		"ws://api.example/":             sessionclient.ErrOrigin,
		"ftp://api.example/":            sessionclient.ErrOrigin,
		"https://api.example:8443/":     sessionclient.ErrOrigin,
		"https://user@api.example/":     sessionclient.ErrURL,
		"https://api.example\n/":        sessionclient.ErrURL,
		"/a":                            sessionclient.ErrURL,
		"":                              sessionclient.ErrURL,
		"https:api.example":             sessionclient.ErrURL,
		"https://api.example@x.example": sessionclient.ErrURL,
	} {
		header, err := bound.Credentials(t.Context(), "GET", target)
		assert.Equal(t, want, err, target)
		assert.Nil(t, header, target)
	}
}

// TestTheTimeOfProofs has servers that do not accept the time of a device, and say theirs.
func TestTheTimeOfProofs(t *testing.T) {
	t.Parallel()
	const right = "Mon, 16 Feb 2026 12:00:00 GMT"
	noon := time.Date(2026, time.February, 16, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		dates []string
		used  bool
	}{
		"right":            {[]string{right}, true},
		"the form of 1994": {[]string{"Monday, 16-Feb-26 12:00:00 GMT"}, true},
		"the form of C":    {[]string{"Mon Feb 16 12:00:00 2026"}, true},
		"none":             {nil, false},
		"two":              {[]string{right, right}, false},
		"blank":            {[]string{""}, false},
		"a number":         {[]string{"1771243200"}, false},
		"another language": {[]string{"Lun, 16 Fév 2026 12:00:00 GMT"}, false},
		"the year 0":       {[]string{"Sat, 01 Jan 0000 00:00:00 GMT"}, false},
		"1969":             {[]string{"Wed, 31 Dec 1969 23:59:59 GMT"}, false},
		"five digits":      {[]string{"Mon, 16 Feb 12026 12:00:00 GMT"}, false},
		"very long":        {[]string{right + strings.Repeat(" ", 1<<16) + "x"}, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			service := &service{}
			service.answer = func(*http.Request) (*http.Response, error) {
				if service.seen() > 1 {
					return nil, nil
				}
				answer := reply(401, "", "X-Error-Code", "proof_nonce_required", "DPoP-Nonce", "n")
				answer.Header["Date"] = c.dates
				return answer, nil
			}
			began := time.Now()
			client := newClient(t, service, withKey)
			_, err := client.Token(t.Context())
			require.NoError(t, err, name)
			assert.Equal(t, "n", claimsOf(t, service.last).Nonce, name)
			time.Sleep(1000 * time.Second)
			header, err := client.Credentials(t.Context(), "GET", applicationURL)
			require.NoError(t, err, name)
			want := began
			if c.used {
				want = noon
			}
			got := claimsOf(t, header)
			assert.Equal(t, want.Unix()+1000, got.At, name)
			assert.Empty(t, got.Nonce, "%s: a nonce is for one request", name)
		})
	}
}

// TestNoncesOfAHostileServer has the application answer with what no service gives.
func TestNoncesOfAHostileServer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		nonces []string
		sends  int
	}{
		"good":              {[]string{"n"}, 2},
		"none":              {nil, 1},
		"empty":             {[]string{""}, 1},
		"two":               {[]string{"n", "n"}, 1},
		"two in one":        {[]string{"n, n"}, 1},
		"a blank behind":    {[]string{"n "}, 1},
		"a line break":      {[]string{"n\r\nX-Other: 1"}, 1},
		"a control":         {[]string{"n\x00"}, 1},
		"not ASCII":         {[]string{"ñ"}, 1},
		"quotes and braces": {[]string{`","exp":1,"x":"{}\u0022`}, 2},
		"256":               {[]string{strings.Repeat("~", 256)}, 2},
		"257":               {[]string{strings.Repeat("~", 257)}, 1},
	} {
		client := newClient(t, &service{}, withKey)
		var sent []claims
		base := roundTripper(func(r *http.Request) (*http.Response, error) {
			sent = append(sent, claimsOf(t, r.Header))
			answer := reply(401, "", "X-Error-Code", "proof_nonce_required")
			answer.Header["Dpop-Nonce"] = c.nonces
			return answer, nil
		})
		request, err := http.NewRequest("GET", applicationURL, nil)
		require.NoError(t, err)
		answer, err := client.RoundTripper(base).RoundTrip(request)
		require.NoError(t, err, name)
		assert.Equal(t, 401, answer.StatusCode, name)
		require.Len(t, sent, c.sends, name)
		assert.Empty(t, sent[0].Nonce, name)
		if c.sends > 1 {
			assert.Equal(t, c.nonces[0], sent[1].Nonce, name)
		}
	}
}

func TestAClientWithoutAKeyIgnoresNonces(t *testing.T) {
	t.Parallel()
	client := newClient(t, &service{}, nil)
	var got []string
	request, err := http.NewRequest("GET", applicationURL, nil)
	require.NoError(t, err)
	answer, err := client.RoundTripper(answers(&got, reply(401, "", "X-Error-Code",
		"proof_nonce_required", "DPoP-Nonce", "n"))).RoundTrip(request)
	require.NoError(t, err)
	assert.Equal(t, 401, answer.StatusCode)
	assert.Equal(t, []string{"Bearer session.1 "}, got)
}

func TestTwoProcessesWithOneKeyFileAreOneInstallation(t *testing.T) {
	t.Parallel()
	world := newBoundWorld(t)
	world.Answer([]appworld.Answer{{Hold: true}}, nil)
	folder := t.TempDir()
	path, key := filepath.Join(folder, "session"), varKey+"="+filepath.Join(folder, "key.pem")
	one, other := startApp(t, world, path, key), startApp(t, world, path, key)
	assert.Equal(t, "begin", one.line(t))
	assert.Equal(t, "begin", other.line(t))
	harness.Poll(t, "one process asks for a session", func() bool {
		return world.Seen().Held == 1
	})
	world.Release()
	first := one.line(t)
	assert.Contains(t, first, `"binding":"key"`)
	assert.Equal(t, first, other.line(t))
	third := startApp(t, world, path, key)
	assert.Equal(t, "begin", third.line(t))
	assert.Equal(t, first, third.line(t))
	seen := world.Seen()
	assert.Equal(t, 1, seen.Issued)
	assert.Equal(t, 1, seen.Tokens)
	assertFiles(t, folder, "session", "session.lock", "key.pem", "key.pem.lock")
}

// TestProcessesThatMakeAKeyAtOnceAreOneInstallation has them not share a session, which would
// make them one after the other.
func TestProcessesThatMakeAKeyAtOnceAreOneInstallation(t *testing.T) {
	t.Parallel()
	world := newBoundWorld(t)
	folder := t.TempDir()
	var all []*process
	for _, name := range []string{"a", "b", "c"} {
		all = append(all, startApp(t, world, filepath.Join(folder, name),
			varKey+"="+filepath.Join(folder, "key.pem")))
	}
	answers := map[string]bool{}
	for _, each := range all {
		assert.Equal(t, "begin", each.line(t))
		answers[each.line(t)] = true
	}
	assert.Len(t, answers, 1, "the install ID is in each")
	assert.Equal(t, 3, world.Seen().Issued)
}
