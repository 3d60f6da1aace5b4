package sessionauth_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/sessionauth"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/token"
)

// fixed returns a verifier with one secret, whose clock shows now, and the key of the secret.
func fixed(t testing.TB, now *time.Time) (*sessionauth.Verifier, keys.Key) {
	t.Helper()
	key, err := sessionauth.Secret("v2-default", " "+strong+"\n")
	require.NoError(t, err)
	all, err := sessionauth.NewFixed(key)
	require.NoError(t, err)
	v, err := sessionauth.New(sessionauth.Config{
		Issuer: issuerName, Audience: audience, ClockSkew: 2 * time.Second, Keys: all,
		Now: func() time.Time { return *now },
	})
	require.NoError(t, err)
	return v, key
}

func TestHandlerGetsSession(t *testing.T) {
	now := time.Now()
	v, key := fixed(t, &now)
	var got sessionauth.Session
	handler := v.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var ok bool
		got, ok = sessionauth.FromContext(r.Context())
		assert.True(t, ok)
	}))
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	request.Header.Set("Authorization", "bearer  "+mintAt(t, key, now))
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	assert.Equal(t, http.StatusOK, recorder.Code)
	assert.Empty(t, recorder.Header(), "the middleware adds no header")
	start := now.UTC().Truncate(time.Second)
	assert.Equal(t, sessionauth.Session{InstallID: installID, KeyID: "v2-default",
		Issuer: issuerName, Audience: audience, IssuedAt: start, NotBefore: start,
		ExpiresAt: start.Add(time.Hour), Binding: sessionauth.BoundToNone}, got)

	_, ok := sessionauth.FromContext(request.Context())
	assert.False(t, ok)
	again, ok := sessionauth.FromContext(sessionauth.NewContext(t.Context(), got))
	assert.True(t, ok)
	assert.Equal(t, got, again)
}

func TestRefusals(t *testing.T) {
	now := time.Now()
	v, key := fixed(t, &now)
	valid := "Bearer " + mintAt(t, key, now)
	id, _ := session.ParseInstallID(installID)
	of := func(settings session.Settings, at time.Time) string {
		settings.Lifetime = time.Hour
		return "Bearer " + token.Sign(settings.Claims(id, key.ID(), at), key)
	}
	ours := session.Settings{Issuer: issuerName, Audience: audience}
	const missing, invalid, expired = `Bearer realm="offload"`,
		`Bearer realm="offload", error="invalid_token"`,
		`Bearer realm="offload", error="invalid_token", error_description="expired"`
	for name, c := range map[string]struct {
		authorization            []string
		code, message, challenge string
	}{
		"no header": {nil, "unauthorized", "Missing bearer token", missing},
		"another scheme": {[]string{"Basic dXNlcjpwYXNz"}, "unauthorized",
			"Missing bearer token", missing},
		"no token": {[]string{"Bearer "}, "unauthorized", "Missing bearer token",
			missing},
		"two headers": {[]string{valid, valid}, "invalid_token", "Invalid session token",
			invalid},
		"text after the token": {[]string{valid + " x"}, "invalid_token", "Invalid session token",
			invalid},
		"malformed token": {[]string{"Bearer x"}, "invalid_token", "Invalid session token",
			invalid},
		"another audience": {[]string{of(session.Settings{Issuer: issuerName, Audience: "x"},
			now)}, "invalid_token", "Invalid session token", invalid},
		"another issuer": {[]string{of(session.Settings{Issuer: "x", Audience: audience}, now)},
			"invalid_token", "Invalid session token", invalid},
		"another signature": {[]string{valid[:len(valid)-4] + "AAAA"}, "invalid_token",
			"Invalid session token", invalid},
		"not yet valid": {[]string{of(ours, now.Add(4*time.Second))}, "invalid_token",
			"Invalid session token", invalid},
		"expired": {[]string{of(ours, now.Add(-time.Hour))}, "expired_token",
			"Session token expired", expired},
		"expired, another issuer": {[]string{of(session.Settings{Issuer: "x", Audience: audience},
			now.Add(-2*time.Hour))}, "invalid_token", "Invalid session token", invalid},
	} {
		t.Run(name, func(t *testing.T) {
			request := httptest.NewRequest(http.MethodPost, "/orders", strings.NewReader("body"))
			request.Header["Authorization"] = c.authorization
			request.Header.Set("X-Request-ID", "golden")
			recorder := httptest.NewRecorder()
			v.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				assert.Fail(t, "the handler was reached")
			})).ServeHTTP(recorder, request)
			assert.Equal(t, http.StatusUnauthorized, recorder.Code)
			assert.Equal(t, http.Header{
				"X-Request-Id": {"golden"}, "Cache-Control": {"no-store"}, "X-Error-Code": {c.code},
				"Content-Type":     {"application/json"},
				"Www-Authenticate": {c.challenge},
			}, recorder.Header())
			assert.Equal(t, `{"error":{"code":"`+c.code+`","message":"`+c.message+
				`","request_id":"golden"}}`, recorder.Body.String())
		})
	}
	assert.Equal(t, "ok", send(v, valid).code())
	assert.Equal(t, "ok", send(v, of(ours, now.Add(2*time.Second))).code(), "within the clock skew")
	now = now.Add(time.Hour + time.Second)
	assert.Equal(t, "expired_token", send(v, valid).code(),
		"the verifier uses the configured clock")
}

func TestRefusalsHaveRequestID(t *testing.T) {
	now := time.Now()
	v, _ := fixed(t, &now)
	for given, want := range map[string]string{"Abc.1_2-3": `^Abc\.1_2-3$`, "a b": `^[0-9a-f-]{36}$`} {
		request := httptest.NewRequest(http.MethodGet, "/", nil)
		request.Header.Set("X-Request-ID", given)
		recorder := httptest.NewRecorder()
		v.Middleware(http.NotFoundHandler()).ServeHTTP(recorder, request)
		id := recorder.Header().Get("X-Request-ID")
		assert.Regexp(t, want, id)
		assert.Contains(t, recorder.Body.String(), `"request_id":"`+id+`"`)
	}
}

func TestRefusesInvalidConfig(t *testing.T) {
	key, err := sessionauth.Secret("a", strong)
	require.NoError(t, err)
	all, err := sessionauth.NewFixed(key)
	require.NoError(t, err)
	base := sessionauth.Config{Issuer: issuerName, Audience: audience, Keys: all}
	for name, c := range map[string]struct {
		change func(*sessionauth.Config)
		want   error
	}{
		"valid":              {func(*sessionauth.Config) {}, nil},
		"maximum clock skew": {func(c *sessionauth.Config) { c.ClockSkew = time.Minute }, nil},
		"no issuer": {func(c *sessionauth.Config) {
			c.Issuer = ""
		}, sessionauth.ErrNames},
		"no audience": {func(c *sessionauth.Config) {
			c.Audience = ""
		}, sessionauth.ErrNames},
		"audiences": {func(c *sessionauth.Config) {
			c.Audience, c.Audiences = "", []string{"a", "b"}
		}, nil},
		"an audience and audiences": {func(c *sessionauth.Config) {
			c.Audiences = []string{"b"}
		}, sessionauth.ErrNames},
		"an empty audience among others": {func(c *sessionauth.Config) {
			c.Audience, c.Audiences = "", []string{"a", ""}
		}, sessionauth.ErrNames},
		"no keys": {func(c *sessionauth.Config) {
			c.Keys = nil
		}, sessionauth.ErrNoKeys},
		"a nil pointer": {func(c *sessionauth.Config) {
			c.Keys = (*sessionauth.Fixed)(nil)
		}, sessionauth.ErrNoKeys},
		"a nil JWKS": {func(c *sessionauth.Config) {
			c.Keys = (*sessionauth.JWKS)(nil)
		}, sessionauth.ErrNoKeys},
		"an empty Fixed": {func(c *sessionauth.Config) {
			c.Keys = &sessionauth.Fixed{}
		}, sessionauth.ErrNoKeys},
		"an empty JWKS": {func(c *sessionauth.Config) {
			c.Keys = &sessionauth.JWKS{}
		}, sessionauth.ErrNoKeys},
		"negative clock skew": {func(c *sessionauth.Config) {
			c.ClockSkew = -time.Second
		}, sessionauth.ErrClockSkew},
		"clock skew too large": {func(c *sessionauth.Config) {
			c.ClockSkew = 61 * time.Second
		}, sessionauth.ErrClockSkew},
		"clock skew of half seconds": {func(c *sessionauth.Config) {
			c.ClockSkew = 1500 * time.Millisecond
		}, sessionauth.ErrClockSkew},
	} {
		t.Run(name, func(t *testing.T) {
			config := base
			c.change(&config)
			_, err := sessionauth.New(config)
			assert.ErrorIs(t, err, c.want)
		})
	}

	_, err = sessionauth.NewFixed()
	assert.ErrorIs(t, err, sessionauth.ErrNoKeys)
	_, err = sessionauth.NewFixed(key, key)
	assert.ErrorAs(t, err, new(keys.Faults))
	_, err = sessionauth.Secret("a b", strong)
	assert.ErrorIs(t, err, sessionauth.ErrKeyID)
	for _, empty := range []string{"", " \t\n", "\u2028"} {
		_, err = sessionauth.Secret("a", empty)
		assert.ErrorIs(t, err, sessionauth.ErrEmptySecret, "%q", empty)
	}
	_, err = sessionauth.Keyset([]byte(`{"keys":[]}`))
	assert.ErrorAs(t, err, new(keys.SetFaults))
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v", base, base, base), strong)
}

// FuzzAuthorization sends arbitrary headers. Only the signed sessions are accepted, every refusal
// is one of two, and no answer contains what was sent.
func FuzzAuthorization(f *testing.F) {
	now := time.Date(2026, 2, 16, 12, 0, 0, 0, time.UTC)
	secret, other := keys.NewHS256("secret", []byte(strong), keys.Plan{}), pair("pair", 1)
	all, err := sessionauth.NewFixed(secret, keys.NewVerifier(keys.EdDSA, "pair", other.Public(), keys.Plan{}))
	require.NoError(f, err)
	v, err := sessionauth.New(sessionauth.Config{Issuer: issuerName, Audience: audience, Keys: all,
		Now: func() time.Time { return now }})
	require.NoError(f, err)
	id, _ := session.ParseInstallID(installID)
	settings := session.Settings{Issuer: issuerName, Audience: audience, Lifetime: time.Hour}
	signed := []string{token.Sign(settings.Claims(id, "secret", now), secret),
		token.Sign(settings.Claims(id, "pair", now), other)}
	for _, text := range append([]string{"", "x", "x.y", "x.y.z", "a b", "..",
		strings.Repeat("a", 4097)}, signed...) {
		for _, scheme := range []string{"", "Bearer ", "bearer  ", "Basic "} {
			f.Add(scheme + text)
		}
	}
	f.Fuzz(func(t *testing.T, header string) {
		got := send(v, header)
		switch got.code() {
		case "ok":
			_, text, _ := strings.Cut(strings.Trim(header, " \t"), " ")
			assert.Contains(t, signed, strings.Trim(text, " \t"))
			assert.Equal(t, installID, got.Body.String())
		case "unauthorized", "invalid_token":
			assert.Equal(t, http.StatusUnauthorized, got.Code)
			assert.Contains(t, got.Header().Get("WWW-Authenticate"), `Bearer realm="offload"`)
			if _, text, _ := strings.Cut(header, " "); len(text) > 40 {
				assert.NotContains(t, got.Body.String(), text)
			}
		default:
			assert.Fail(t, "unexpected code", got.code())
		}
	})
}
