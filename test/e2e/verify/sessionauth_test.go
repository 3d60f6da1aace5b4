package verify_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/sessionauth"
	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/device"
)

// Another service verifies tokens with sessionauth: it responds as this one does, and follows its
// keys.

// elsewhere starts such a service, which fetches the keys of service and uses the clock now, and
// returns a client of it.
func elsewhere(t *testing.T, service harness.Service, now func() time.Time,
	change ...func(*sessionauth.Config)) *harness.Client {
	t.Helper()
	jwks, err := sessionauth.NewJWKS(sessionauth.JWKSConfig{URL: "http://" + service.Public +
		harness.JWKSPath})
	require.NoError(t, err)
	t.Cleanup(jwks.Close)
	require.NoError(t, jwks.Start(t.Context()))
	config := sessionauth.Config{
		Issuer: "offload-backend", Audience: "offload-ios", ClockSkew: 2 * time.Second, Keys: jwks,
		Now: now,
	}
	for _, f := range change {
		f(&config)
	}
	verifier, err := sessionauth.New(config)
	require.NoError(t, err)
	server := httptest.NewServer(verifier.Middleware(
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			session, _ := sessionauth.FromContext(r.Context())
			w.Header().Set("X-Session-Install-Id", session.InstallID)
			w.Header().Set("X-Session-Key-Id", session.KeyID)
			w.Header().Set("X-Session-Binding", session.Binding)
		})))
	t.Cleanup(server.Close)
	return service.Through(t, server.Listener.Addr().String())
}

func TestOtherVerifiersRefuseInTheSameWay(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, harness.NewKeyset(t, harness.EdDSAKey("pair", 7,
		harness.Noon)).Env(harness.Env{"OFFLOAD_SESSION_TTL_SECONDS": "120"}))
	other := elsewhere(t, service.Service, service.Clock.Now)
	expired := service.Token(t, "install-12345")
	service.Clock.Advance(120 * time.Second)
	valid := service.Token(t, "install-12345")
	for name, authorization := range map[string][]string{
		"valid": {"Bearer " + valid}, "lower case, more spaces": {"bearer   " + valid},
		"no header": nil, "empty": {""}, "Bearer alone": {"Bearer"},
		"another scheme": {"Basic dXNlcjpwYXNz"},
		"two headers":    {"Bearer " + valid, "Bearer " + valid},
		"two words":      {"Bearer " + valid + " x"},
		"expired":        {"Bearer " + expired}, "no token": {"Bearer x"},
		"no signature":   {"Bearer " + valid[:len(valid)-86]},
		"cut off":        {"Bearer " + valid[:len(valid)-1]},
		"an unknown key": {"Bearer eyJraWQiOiJ4In0.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
		"a tab":          {"Bearer\t" + valid},
	} {
		t.Run(name, func(t *testing.T) {
			headers := []harness.Header{{"X-Request-ID", "golden"}}
			for _, value := range authorization {
				headers = append(headers, harness.Header{"Authorization", value})
			}
			want := service.Send(t, http.MethodGet, "/v1/sessions/verify", "", headers...)
			got := other.Send(t, http.MethodGet, "/orders", "", headers...)
			assertSame(t, want, got)
		})
	}
}

// assertSame compares the answers of this service and of the other one.
func assertSame(t *testing.T, want, got harness.Response) {
	t.Helper()
	assert.Equal(t, want.Status, got.Status)
	assert.Equal(t, want.Body, got.Body)
	for _, header := range []http.Header{want.Header, got.Header} {
		header.Del("Date")
		if want.Status == http.StatusOK {
			for _, name := range []string{"X-Session-Expires-At", "X-Request-Id", "Cache-Control"} {
				header.Del(name) // differ between the two services
			}
		}
	}
	assert.Equal(t, want.Header, got.Header)
}

func TestOtherVerifiersRefuseBoundSessionsInTheSameWay(t *testing.T) {
	t.Parallel()
	const origin, path = "https://api.example.com", "/v1/sessions/verify"
	service := harness.Serve(t, harness.NewKeyset(t, harness.EdDSAKey("pair", 7,
		harness.Noon)).Env(harness.Env{"OFFLOAD_SESSION_TTL_SECONDS": "120",
		"OFFLOAD_SESSION_BINDING": "accept", "OFFLOAD_PUBLIC_ORIGINS": origin,
		"OFFLOAD_LIMITER_DIGEST_KEY": harness.OtherSecret}))
	nonces, err := sessionauth.NewNonces(harness.OtherSecret)
	require.NoError(t, err)
	other := elsewhere(t, service.Service, service.Clock.Now, func(c *sessionauth.Config) {
		c.Binding, c.PublicOrigins = sessionauth.BindingAccept, []string{origin}
		c.Nonces = nonces
	})
	key, stranger := device.New(1), device.New(2)
	issued := service.Send(t, http.MethodPost, harness.IssuePath, harness.IssueBody(key.Thumbprint),
		harness.Header{"DPoP", key.Proof(device.For(http.MethodPost, origin+harness.IssuePath,
			service.Clock.Now()))})
	require.Equal(t, http.StatusOK, issued.Status, issued.Body)
	bound, bearer := issued.Session(t).Token, service.Token(t, "install-12345")
	prove := func(by device.Key, method, uri string, later time.Duration) string {
		return by.Proof(device.For(method, uri, service.Clock.Now().Add(later)).ForToken(bound))
	}
	valid := prove(key, http.MethodGet, origin+path, 0)
	for name, c := range map[string]struct {
		authorization string
		proofs        []string
	}{
		"bound": {"DPoP " + bound, []string{valid}}, "bearer": {"Bearer " + bearer, nil},
		"no credentials": {"", []string{valid}}, "another scheme": {"Basic x", nil},
		"bound as bearer":   {"Bearer " + bound, []string{valid}},
		"bearer as bound":   {"DPoP " + bearer, []string{valid}},
		"no proof":          {"DPoP " + bound, nil},
		"two proofs":        {"DPoP " + bound, []string{valid, valid}},
		"no proof at all":   {"DPoP " + bound, []string{"x"}},
		"another key":       {"DPoP " + bound, []string{prove(stranger, "GET", origin+path, 0)}},
		"another method":    {"DPoP " + bound, []string{prove(key, "PUT", origin+path, 0)}},
		"another path":      {"DPoP " + bound, []string{prove(key, "GET", origin+"/x", 0)}},
		"another origin":    {"DPoP " + bound, []string{prove(key, "GET", "https://x"+path, 0)}},
		"a day behind":      {"DPoP " + bound, []string{prove(key, "GET", origin+path, -24*time.Hour)}},
		"a day ahead":       {"DPoP " + bound, []string{prove(key, "GET", origin+path, 24*time.Hour)}},
		"not a bound token": {"DPoP x", []string{valid}},
	} {
		t.Run(name, func(t *testing.T) {
			headers := []harness.Header{{"X-Request-ID", "golden"}}
			if c.authorization != "" {
				headers = append(headers, harness.Header{"Authorization", c.authorization})
			}
			for _, value := range c.proofs {
				headers = append(headers, harness.Header{"DPoP", value})
			}
			want := service.Send(t, http.MethodGet, path, "", headers...)
			assert.Equal(t, name == "bound" || name == "bearer", want.Status == http.StatusOK)
			assertSame(t, want, other.Send(t, http.MethodGet, path, "", headers...))
		})
	}
}

func TestOtherVerifiersFollowARotation(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keyset.json")
	env := harness.ProductionKeyset(path).With(
		harness.Env{"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP": "10000", "OFFLOAD_SESSION_ISSUE_LIMIT_PER_NETWORK": "0"})
	harness.KeysCommand(t, env, "create", "--kid", "old", "--alg", "EdDSA")
	service := harness.Start(t, env)
	other := elsewhere(t, service.Service, time.Now)
	first := service.Token(t, "install-12345")
	assert.Equal(t, "old", other.Current(t, harness.Bearer(first)).Header.Get("X-Session-Key-Id"))

	harness.KeysCommand(t, env, "rotate", "--kid", "new", "--alg", "EdDSA", "--sign-after", "1s",
		"--force")
	next, issued := first, 0
	harness.Poll(t, "the new key signs", func() bool {
		next = service.Token(t, harness.InstallID(issued))
		issued++
		return harness.StampOf(t, next).Kid == "new"
	})
	// The verifier fetches the new key when it first meets it, and a request waits a second for it.
	var answer harness.Response
	harness.Poll(t, "the new key is accepted elsewhere, without a restart", func() bool {
		answer = other.Current(t, harness.Bearer(next))
		return answer.Status == http.StatusOK
	})
	assert.Equal(t, "new", answer.Header.Get("X-Session-Key-Id"))
	assert.Equal(t, http.StatusOK, other.Current(t, harness.Bearer(first)).Status,
		"sessions of the old key must remain valid")

	service.Stop(t)
	assert.Equal(t, http.StatusOK, other.Current(t, harness.Bearer(next)).Status,
		"verification must not need the issuer")
	assert.Equal(t, "invalid_token", other.Current(t,
		harness.Bearer(next[:len(next)-4]+"AAAA")).Code())
}
