//go:build languages

package cutover_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// claims returns the claims of a compact token.
func claims(t *testing.T, token string) map[string]any {
	t.Helper()
	payload, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(payload)
	require.NoError(t, err)
	var read map[string]any
	require.NoError(t, json.Unmarshal(text, &read))
	return read
}

// serve starts the service with the variables of the backend that concern sessions, and more.
func serve(t *testing.T, more harness.Env) *harness.Process {
	t.Helper()
	return harness.Start(t, harness.Env{"OFFLOAD_ENVIRONMENT": "production",
		"OFFLOAD_SESSION_TOKEN_ACTIVE_KID": "v2-default", "OFFLOAD_TRUSTED_PROXIES": "127.0.0.1",
		"OFFLOAD_SESSION_BACKDATE_SECONDS": "2", "OFFLOAD_AI_PROVIDER": "openai"}.With(more))
}

// accepted fails unless both sides accept a session.
func accepted(t *testing.T, service *harness.Process, backend *backend, tokens ...string) {
	t.Helper()
	c := newClient("")
	for i, token := range tokens {
		assert.Equal(t, http.StatusOK, c.get(t, service.Public, "/v1/sessions/current", token).status,
			"sessiond refuses session %d", i)
		assert.Equal(t, http.StatusOK, c.get(t, backend.address, "/v1/library", token).status,
			"the backend refuses session %d", i)
	}
}

// TestCutover takes the steps of the guide, in order, while clients use their sessions.
func TestCutover(t *testing.T) {
	first := startBackend(t, "OFFLOAD_SESSION_SECRET="+secret)
	w := newWorld(t, first)
	c, proxy := newClient(""), w.nginx.Addr
	old := c.issue(t, proxy, "install-of-the-backend", "")
	assert.True(t, old.fromBackend())
	oldToken := old.token(t)
	w.users.keep(oldToken)
	w.say("before: the backend issues and verifies")
	w.wait(50)

	w.say("1. Compare")
	w.run("check", 0)
	w.write("etc/offload/backend.env", "OFFLOAD_ENVIRONMENT=production\n"+
		"OFFLOAD_SESSION_SECRET=correct-horse-battery-staple-2024\n")
	assert.Contains(t, w.run("check", 1), "OFFLOAD_SESSION_SECRET")

	w.say("2. Run sessiond beside the backend")
	service := serve(t, harness.Env{"OFFLOAD_SESSION_SECRET": secret})
	w.route(service, first)
	issued := c.issue(t, proxy, "install-of-sessiond", "")
	assert.False(t, issued.fromBackend())
	newToken := issued.token(t)
	w.users.keep(newToken)
	assert.LessOrEqual(t, claims(t, newToken)["iat"].(float64), float64(time.Now().Unix()-2))
	accepted(t, service, first, oldToken, newToken)
	assert.NotContains(t, w.run("both sides", 0, "BACKEND_TOKEN="+oldToken,
		"SESSIOND_TOKEN="+newToken, "SESSIOND=http://"+service.Public,
		"BACKEND=http://"+first.address), "refused")
	w.wait(100)

	w.say("3. Expect one wave of new sessions")
	w.wave(service, first)
	w.simulate()
	w.wait(50)

	w.say("4. Move the keys, and rotate")
	w.run("import", 0)
	withKeyset := serve(t, harness.Env{"OFFLOAD_SESSION_KEYSET_FILE": w.path("etc/sessiond/keyset.json")})
	w.route(withKeyset, first)
	assert.Zero(t, service.Stop(t))
	service = withKeyset
	accepted(t, service, first, oldToken, newToken)
	w.say("sessiond serves with the keyset; both sides accept the sessions of before")
	w.wait(50)

	w.run("rotate", 0)
	exported, err := os.ReadFile(w.path("etc/offload/signing-keys.json"))
	require.NoError(t, err)
	second := startBackend(t, "OFFLOAD_SESSION_SIGNING_KEYS="+string(exported))
	w.route(service, second)
	w.say("the backend serves with the exported keys")
	w.wait(50)
	kid := w.hasten()
	var rotated string
	asked := 0
	harness.Poll(t, "the new key signs", func() bool {
		asked++ // each time a client with an address of its own
		rotated = newClient(fmt.Sprintf("127.60.%d.%d", asked/200%200, asked%200+1)).issue(t,
			service.Public, fmt.Sprintf("install-of-the-new-key-%d", asked), "").token(t)
		return claims(t, rotated)["kid"] == kid
	})
	w.users.keep(rotated)
	accepted(t, service, second, oldToken, newToken, rotated)
	assert.Equal(t, "invalid_token", c.get(t, first.address, "/v1/library", rotated).code(),
		"a backend without the exported keys refuses sessions of the new key")
	first.Kill()
	w.say("ten minutes later: the new key signs; both sides accept sessions of both keys")
	w.wait(100)

	w.say("5. What clients do not get")
	w.differences(oldToken)
	w.wait(50)

	w.say("6. Back")
	third := startBackend(t, "OFFLOAD_SESSION_SIGNING_KEYS="+string(exported),
		"OFFLOAD_SESSION_TOKEN_ACTIVE_KID="+kid)
	w.nginx.Reload(t, allTo(third))
	w.say("nginx: everything to the backend; reloaded")
	again := newClient("127.30.0.1").issue(t, proxy, "install-after-the-return", "")
	assert.True(t, again.fromBackend())
	accepted(t, service, third, oldToken, newToken, rotated, again.token(t))
	w.users.keep(again.token(t))
	w.wait(100)
	assert.Zero(t, service.Stop(t))
	second.Kill()
	for _, token := range []string{oldToken, newToken, rotated, again.token(t)} {
		assert.Equal(t, http.StatusOK, c.get(t, proxy, "/v1/library", token).status)
	}
	w.say("sessiond is stopped; the backend accepts every session that sessiond issued")
	w.wait(100)
	w.users.end()
	assert.Empty(t, w.users.failures)
}

// wave has clients with v1 tokens come back behind one address.
func (w *world) wave(service *harness.Process, backend *backend) {
	t := w.t
	c := newClient("127.40.0.1")
	v1 := harness.ForgeToken(fmt.Sprintf(`{"install_id":"install-of-v1","exp":%d}`,
		time.Now().Add(time.Hour).Unix()), secret)
	for _, address := range []string{service.Public + "/v1/sessions/current",
		backend.address + "/v1/library"} {
		host, path, _ := strings.Cut(address, "/")
		got := c.get(t, host, "/"+path, v1)
		assert.Equal(t, http.StatusUnauthorized, got.status)
		assert.Equal(t, "invalid_token", got.code())
	}
	holder := c.issue(t, w.nginx.Addr, "install-that-holds-v2", "").token(t)
	granted, refused := 1, 0
	for n := range 40 {
		got := c.issue(t, w.nginx.Addr, fmt.Sprintf("install-of-v1-%04d", n), v1)
		switch got.status {
		case http.StatusOK:
			granted++
			assert.Contains(t, got.header.Get("RateLimit-Policy"), `"ip"`, "a new session")
			assert.Equal(t, http.StatusOK,
				c.get(t, w.nginx.Addr, "/v1/library", got.token(t)).status)
		case http.StatusTooManyRequests:
			refused++
			assert.NotEmpty(t, got.header.Get("Retry-After"))
		default:
			assert.Fail(t, "unexpected", "%d %s", got.status, got.body)
		}
	}
	// A slow machine takes longer than a window, and then more are granted.
	assert.GreaterOrEqual(t, granted, 32)
	assert.Equal(t, 41, granted+refused)
	got := c.issue(t, w.nginx.Addr, "install-that-holds-v2", holder)
	assert.Equal(t, http.StatusOK, got.status, "a renewal is not part of the wave")
	assert.NotContains(t, got.header.Get("RateLimit-Policy"), `"ip"`)
	w.say("a v1 token is invalid_token on both sides; of 41 new sessions behind one address %d are "+
		"granted and %d refused with Retry-After; a renewal there is granted", granted, refused)
}

// simulate runs the command that computes the wave, once the guide has it as a step.
func (w *world) simulate() {
	if strings.Contains(w.guide, "<!-- cutover: simulate -->") {
		assert.NotEmpty(w.t, w.run("simulate", 0))
	}
}

// hasten lets the time pass until the pending key of the keyset signs, and returns its id.
func (w *world) hasten() (kid string) {
	t := w.t
	name := w.path("etc/sessiond/keyset.json")
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	require.NoError(t, json.Unmarshal(text, &set))
	soon := time.Now().Add(time.Second) // later than the old key, or that one would go on signing
	for _, key := range set.Keys {
		from, err := time.Parse(time.RFC3339, key["sign_from"].(string))
		require.NoError(t, err)
		if from.After(soon) {
			kid = key["kid"].(string)
			key["sign_from"] = soon.UTC().Format(time.RFC3339)
		}
	}
	require.NotEmpty(t, kid, "no key is pending")
	text, err = json.Marshal(set)
	require.NoError(t, err)
	harness.KeysetFile(name).Write(t, string(text), 0o600)
	return kid
}

// differences shows what changes for clients.
func (w *world) differences(backendToken string) {
	t, proxy := w.t, w.nginx.Addr
	c := newClient("127.50.0.1")
	id := claims(t, backendToken)["install_id"].(string)
	assert.Contains(t, claims(t, backendToken), "user_id")
	renewed := c.issue(t, proxy, id, backendToken)
	assert.NotContains(t, claims(t, renewed.token(t)), "user_id", "not carried over")
	assert.Regexp(t, regexp.MustCompile(`^"renewal"`), renewed.header.Get("RateLimit-Policy"))
	anew := c.issue(t, proxy, id, "")
	assert.Regexp(t, regexp.MustCompile(`^"ip"`), anew.header.Get("RateLimit-Policy"),
		"without the session, it is a new one")
	assert.Contains(t, anew.body, `"expires_in"`)
	usage := c.get(t, proxy, "/v1/usage", renewed.token(t))
	assert.True(t, usage.fromBackend())
	assert.Equal(t, http.StatusOK, usage.status)
	apple, err := c.try("POST", proxy, "/v1/auth/apple", "", "{}")
	require.NoError(t, err)
	assert.True(t, apple.fromBackend())
	assert.Equal(t, http.StatusOK, apple.status)
	w.say("a renewal at sessiond has no user_id; without a bearer it is a new session; usage and "+
		"Apple sign-in are the backend's (%d, %d)", usage.status, apple.status)
}
