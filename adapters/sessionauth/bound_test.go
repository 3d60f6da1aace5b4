package sessionauth_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/sessionauth"
	"github.com/offload/sessiond/domain/proof"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/token"
	"github.com/offload/sessiond/test/harness/device"
)

const (
	origin = "https://api.example.com"
	orders = origin + "/orders"
)

var (
	boundNoon = time.Date(2026, 2, 16, 12, 0, 0, 0, time.UTC)
	// signer signs the sessions of these tests.
	signer = pair("ed", 1)
)

// bindable returns a configuration that accepts bound sessions.
func bindable(t testing.TB) sessionauth.Config {
	t.Helper()
	fixed, err := sessionauth.NewFixed(signer)
	require.NoError(t, err)
	return sessionauth.Config{Issuer: issuerName, Audience: audience, Keys: fixed,
		Binding: sessionauth.BindingAccept, PublicOrigins: []string{origin},
		Now: func() time.Time { return boundNoon }}
}

func newVerifier(t testing.TB, config sessionauth.Config) *sessionauth.Verifier {
	t.Helper()
	made, err := sessionauth.New(config)
	require.NoError(t, err)
	return made
}

// boundTo returns a session of a device, which began at a time.
func boundTo(t testing.TB, key device.Key, at time.Time) string {
	t.Helper()
	return signed(t, key.Thumbprint, session.Settings.BoundClaims, at)
}

// bearerOf returns a session that is not bound.
func bearerOf(t testing.TB, id string) string {
	t.Helper()
	return signed(t, id, session.Settings.Claims, boundNoon)
}

func signed[ID ~string](t testing.TB, id string, claims func(session.Settings, session.InstallID,
	ID, time.Time) session.Claims, at time.Time) string {
	t.Helper()
	parsed, violated := session.ParseInstallID(id)
	require.Equal(t, session.RuleNone, violated)
	settings := session.Settings{Issuer: issuerName, Audience: audience,
		BoundAudience: audience + ":bound", Lifetime: time.Hour}
	return token.Sign(claims(settings, parsed, ID(signer.ID()), at), signer)
}

// serve sends a request to a handler behind the middleware, which answers with the session.
func serve(v *sessionauth.Verifier, r *http.Request) answer {
	recorder := httptest.NewRecorder()
	v.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		verified, _ := sessionauth.FromContext(r.Context())
		_, _ = io.WriteString(w, verified.InstallID+" "+verified.Binding)
	})).ServeHTTP(recorder, r)
	return answer{recorder}
}

// request returns a request with these values of Authorization and DPoP.
func request(method, target, authorization string, proofs ...string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	r.Header["Dpop"] = proofs
	return r
}

// TestBoundSessions checks what the middleware answers, with every header.
func TestBoundSessions(t *testing.T) {
	key, other := device.New(1), device.New(2)
	text := boundTo(t, key, boundNoon)
	expired := boundTo(t, key, boundNoon.Add(-time.Hour))
	prove := func(by device.Key, method, uri string) string {
		return by.Proof(device.For(method, uri, boundNoon).ForToken(text))
	}
	valid := prove(key, "GET", orders)
	bearer, named := bearerOf(t, installID), bearerOf(t, key.Thumbprint)
	get := func(authorization string, proofs ...string) *http.Request {
		return request("GET", "/orders", authorization, proofs...)
	}
	const algorithms = `algs="ES256 EdDSA"`
	for name, c := range map[string]struct {
		request    *http.Request
		code       string
		challenges []string
	}{
		"bound":        {get("DPoP "+text, valid), "ok", nil},
		"lower case":   {get("dpop  "+text, valid), "ok", nil},
		"with a query": {request("GET", "/orders?page=2", "DPoP "+text, valid), "ok", nil},
		"the path in another form": {request("GET", "/x/../%6frders", "DPoP "+text, valid), "ok",
			nil},
		"in absolute form": {request("GET", "http://10.0.0.1:8080/orders", "DPoP "+text, valid),
			"ok", nil},
		"bearer":              {get("Bearer " + bearer), "ok", nil},
		"bearer with a proof": {get("Bearer "+bearer, "x"), "ok", nil},
		"no credentials": {get("", valid), "unauthorized",
			[]string{`Bearer realm="offload"`, "DPoP " + algorithms}},
		"bound as bearer":          {get("Bearer "+text, valid), "invalid_token", nil},
		"bound as bearer, expired": {get("Bearer " + expired), "invalid_token", nil},
		"expired":                  {get("DPoP " + expired), "expired_token", nil},
		"bearer session as bound": {get("DPoP "+bearer,
			key.Proof(device.For("GET", orders, boundNoon).ForToken(bearer))), "invalid_token", nil},
		"bearer of a key's name": {get("Bearer " + named), "invalid_token", nil},
		"the proof of another key": {get("DPoP "+text, prove(other, "GET", orders)),
			"invalid_token", nil},
		"no proof":   {get("DPoP " + text), "invalid_proof", nil},
		"two proofs": {get("DPoP "+text, valid, valid), "invalid_proof", nil},
		"for another method": {request("PUT", "/orders", "DPoP "+text, valid), "invalid_proof",
			nil},
		"for another path": {request("GET", "/orders/", "DPoP "+text, valid), "invalid_proof",
			nil},
		"for the server's own name": {get("DPoP "+text,
			prove(key, "GET", "http://example.com/orders")), "invalid_proof", nil},
		"without the token": {get("DPoP "+text,
			key.Proof(device.For("GET", orders, boundNoon))), "invalid_proof", nil},
		"with an unknown nonce": {get("DPoP "+text, key.Proof(device.For("GET",
			orders, boundNoon).ForToken(text).WithNonce("x"))), "proof_nonce_required",
			[]string{`DPoP error="use_dpop_nonce", ` + algorithms}},
	} {
		t.Run(name, func(t *testing.T) {
			c.request.Header.Set("X-Request-ID", "golden")
			got := serve(newVerifier(t, bindable(t)), c.request)
			assert.Equal(t, c.code, got.code())
			if c.code == "ok" {
				return
			}
			if c.challenges == nil {
				c.challenges = map[string][]string{
					"invalid_token": {`Bearer realm="offload", error="invalid_token"`},
					"expired_token": {`Bearer realm="offload", error="invalid_token", ` +
						`error_description="expired"`},
					"invalid_proof": {`DPoP error="invalid_dpop_proof", ` + algorithms},
				}[c.code]
			}
			want := http.Header{"X-Request-Id": {"golden"}, "Cache-Control": {"no-store"},
				"X-Error-Code": {c.code}, "Content-Type": {"application/json"},
				"Www-Authenticate": c.challenges}
			if nonces := got.Header()["Dpop-Nonce"]; c.code == "proof_nonce_required" {
				require.Len(t, nonces, 1)
				want["Dpop-Nonce"] = nonces
			}
			assert.Equal(t, want, got.Header())
		})
	}
	got := serve(newVerifier(t, bindable(t)), get("DPoP "+text, valid))
	assert.Equal(t, key.Thumbprint+" key", got.Body.String())
	got = serve(newVerifier(t, bindable(t)), get("Bearer "+bearer))
	assert.Equal(t, installID+" none", got.Body.String())
}

// TestProofsAreForTheRequestThatTheClientSent changes what a handler or a proxy may change.
func TestProofsAreForTheRequestThatTheClientSent(t *testing.T) {
	key := device.New(1)
	text := boundTo(t, key, boundNoon)
	valid := key.Proof(device.For("GET", orders, boundNoon).ForToken(text))
	v := newVerifier(t, bindable(t))

	stripped := request("GET", "/orders", "DPoP "+text, valid)
	stripped.URL.Path = "/"
	assert.Equal(t, "ok", serve(v, stripped).code(), "a router has removed a prefix")

	forwarded := request("GET", "/open", "DPoP "+text, valid)
	for name, value := range map[string]string{"Method": "GET", "Proto": "https",
		"Host": "api.example.com", "Uri": "/orders"} {
		forwarded.Header.Set("X-Forwarded-"+name, value)
	}
	assert.Equal(t, "invalid_proof", serve(v, forwarded).code(), "anyone can send these headers")

	made := request("GET", "/orders", "DPoP "+text, valid)
	made.RequestURI = ""
	assert.Equal(t, "ok", serve(v, made).code(), "a request that no server has read")
	made.URL.Path = "/other"
	assert.Equal(t, "invalid_proof", serve(v, made).code())

	credentials := sessionauth.Credentials{Authorization: []string{"DPoP " + text},
		Proofs: []string{valid}, Method: "GET", Path: "/orders?page=2"}
	verified, err := v.Authenticate(t.Context(), credentials)
	require.NoError(t, err)
	assert.Equal(t, sessionauth.BoundToKey, verified.Binding)
	credentials.Path = ""
	_, err = v.Authenticate(t.Context(), credentials)
	assert.Equal(t, &proof.Rejection{Reason: proof.ReasonForwarded}, err, "the path was forgotten")
}

// TestWrongClocks proves with clocks that are wrong by a day. Replicas accept each other's nonces
// if they share a secret.
func TestWrongClocks(t *testing.T) {
	shared := bindable(t)
	var err error
	shared.Nonces, err = sessionauth.NewNonces(" " + strong + "\n")
	require.NoError(t, err)
	one, two, alone := newVerifier(t, shared), newVerifier(t, shared), newVerifier(t, bindable(t))
	key := device.New(1)
	text := boundTo(t, key, boundNoon)
	for _, wrong := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
		claims := device.For("GET", orders, boundNoon.Add(wrong)).ForToken(text)
		first := serve(one, request("GET", "/orders", "DPoP "+text, key.Proof(claims)))
		assert.Equal(t, "proof_nonce_required", first.code())
		nonce := first.Header().Get("DPoP-Nonce")
		assert.Equal(t, proof.NewNonces([]byte(strong)).At(boundNoon), nonce,
			"that of an issuing service with this secret")
		again := request("GET", "/orders", "DPoP "+text, key.Proof(claims.WithNonce(nonce)))
		assert.Equal(t, "ok", serve(one, again).code())
		assert.Equal(t, "ok", serve(two, again).code())
		assert.Equal(t, "proof_nonce_required", serve(alone, again).code())
	}
	_, err = sessionauth.NewNonces(" \n")
	assert.ErrorIs(t, err, sessionauth.ErrEmptyNonceSecret)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		shown := fmt.Sprintf(verb, shared)
		assert.NotContains(t, shown, strong)
		assert.NotContains(t, shown, fmt.Sprintf("%x", strong))
	}
}

// TestBindings checks which sessions each binding accepts.
func TestBindings(t *testing.T) {
	key := device.New(1)
	text := boundTo(t, key, boundNoon)
	bound := request("GET", "/orders", "DPoP "+text,
		key.Proof(device.For("GET", orders, boundNoon).ForToken(text)))
	bearer := request("GET", "/orders", "Bearer "+bearerOf(t, installID))
	named := request("GET", "/orders", "Bearer "+bearerOf(t, key.Thumbprint))
	for binding, want := range map[sessionauth.Binding][3]string{
		sessionauth.BindingOff:     {"unauthorized", "ok", "ok"},
		sessionauth.BindingAccept:  {"ok", "ok", "invalid_token"},
		sessionauth.BindingRequire: {"ok", "invalid_token", "invalid_token"},
	} {
		config := bindable(t)
		config.Binding = binding
		v := newVerifier(t, config)
		assert.Equal(t, want, [3]string{serve(v, bound).code(), serve(v, bearer).code(),
			serve(v, named).code()}, "%d", binding)
	}
}

func TestBoundAudiences(t *testing.T) {
	key := device.New(1)
	text := boundTo(t, key, boundNoon) // for offload-ios:bound
	sent := request("GET", "/orders", "DPoP "+text,
		key.Proof(device.For("GET", orders, boundNoon).ForToken(text)))
	for name, c := range map[string]struct {
		audiences, bound []string
		want             string
	}{
		"the default":           {[]string{audience}, nil, "ok"},
		"the second of two":     {[]string{"web", audience}, nil, "ok"},
		"of another":            {[]string{"web"}, nil, "invalid_token"},
		"given":                 {[]string{"web"}, []string{"x", audience + ":bound"}, "ok"},
		"others are given":      {[]string{audience}, []string{"x"}, "invalid_token"},
		"the audience of none":  {[]string{audience + ":bound"}, nil, "invalid_token"},
		"without a bearer name": {[]string{"x", "web"}, []string{audience + ":bound"}, "ok"},
	} {
		config := bindable(t)
		config.Audience, config.Audiences, config.BoundAudiences = "", c.audiences, c.bound
		assert.Equal(t, c.want, serve(newVerifier(t, config), sent).code(), name)
	}
}

func TestRefusesInvalidBinding(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*sessionauth.Config)
		want   error
	}{
		"no origin": {func(c *sessionauth.Config) {
			c.PublicOrigins = nil
		}, sessionauth.ErrPublicOrigins},
		"with a slash": {func(c *sessionauth.Config) {
			c.PublicOrigins[0] += "/"
		}, sessionauth.ErrPublicOrigins},
		"a host": {func(c *sessionauth.Config) {
			c.PublicOrigins = append(c.PublicOrigins, "api.example.com")
		}, sessionauth.ErrPublicOrigins},
		"no origin, off": {func(c *sessionauth.Config) {
			c.PublicOrigins, c.Binding = nil, sessionauth.BindingOff
		}, nil},
		"an unknown binding": {func(c *sessionauth.Config) {
			c.Binding = 3
		}, sessionauth.ErrBinding},
		"an empty audience": {func(c *sessionauth.Config) {
			c.BoundAudiences = []string{"a", ""}
		}, sessionauth.ErrBoundAudiences},
		"the audience of others": {func(c *sessionauth.Config) {
			c.BoundAudiences = []string{"a", audience}
		}, sessionauth.ErrBoundAudiences},
	} {
		config := bindable(t)
		c.change(&config)
		_, err := sessionauth.New(config)
		assert.ErrorIs(t, err, c.want, name)
	}
}
