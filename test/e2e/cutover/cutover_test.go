//go:build languages

package cutover_test

import (
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
	var read map[string]any
	require.NoError(t, json.Unmarshal([]byte(harness.PayloadOf(t, token)), &read))
	return read
}

// accepted fails unless both sides accept a session.
func (w *world) accepted(tokens ...string) {
	w.t.Helper()
	c := newClient("")
	for i, token := range tokens {
		assert.Equal(w.t, http.StatusOK,
			c.get(w.t, w.service.Public, "/v1/sessions/current", token).status,
			"sessiond refuses session %d", i)
		assert.Equal(w.t, http.StatusOK, c.get(w.t, w.backend.address, "/v1/library", token).status,
			"the backend refuses session %d", i)
	}
}

// TestCutover takes the steps of the guide, in order, while clients use their sessions, and so runs
// every block of commands.
func TestCutover(t *testing.T) {
	ran := map[string]bool{}
	for _, proxy := range []string{"nginx", "caddy"} {
		t.Run(proxy, func(t *testing.T) { cutOver(t, proxy, ran) })
	}
	guide, err := os.ReadFile(guideFile)
	require.NoError(t, err)
	for _, block := range blocks(string(guide)) {
		assert.True(t, ran[block], "no step runs the block %s", block)
	}
}

func cutOver(t *testing.T, proxy string, ran map[string]bool) {
	w := newWorld(t, proxy, ran)
	c, site := newClient(""), w.site.address()
	old := c.issue(t, site, "install-of-the-backend", "")
	assert.True(t, old.fromBackend())
	oldToken := old.token(t)
	w.users.keep(oldToken)
	w.say("before: the backend issues and verifies, behind %s", proxy)
	w.wait(50)

	w.say("Compare")
	w.write("etc/offload/backend.env", backendEnv("correct-horse-battery-staple-2024"))
	assert.Contains(t, w.run("check", 1), "OFFLOAD_SESSION_SECRET")
	w.write("etc/offload/backend.env", backendEnv(secret))
	w.run("check", 0)

	w.say("Expect one wave of new sessions")
	assert.Contains(t, w.run("simulate "+proxy, 0), "The tightest setting")

	w.say("Move the keys")
	w.run("import", 0)

	w.say("Run sessiond beside the backend")
	w.run("start", 0)
	w.run("both sides", 0)
	w.run("route "+proxy, 0)
	w.run("routed", 0)
	issued := c.issue(t, site, "install-of-sessiond", "")
	assert.False(t, issued.fromBackend())
	newToken := issued.token(t)
	w.users.keep(newToken)
	w.accepted(oldToken, newToken)
	w.wait(100)
	w.wave()
	w.wait(50)

	w.say("Rotate")
	first := w.backend.address
	list := w.run("rotate", 0)
	kid := regexp.MustCompile(`(?m)^(\S+) +HS256 +pending`).FindStringSubmatch(list)[1]
	w.accepted(oldToken, newToken)
	assert.NotEqual(t, first, w.backend.address)
	w.wait(50)
	w.hasten()
	var rotated string
	asked := 0
	harness.Poll(t, "the new key signs", func() bool {
		asked++ // each time a client with an address of its own
		rotated = newClient(fmt.Sprintf("127.60.%d.%d", asked/200%200, asked%200+1)).issue(t,
			site, fmt.Sprintf("install-of-the-new-key-%d", asked), "").token(t)
		return claims(t, rotated)["kid"] == kid
	})
	w.users.keep(rotated)
	w.accepted(oldToken, newToken, rotated)
	late := startBackend(t, []string{"OFFLOAD_SESSION_SECRET=" + secret})
	assert.Equal(t, "invalid_token", c.get(t, late.address, "/v1/library", rotated).code(),
		"a backend without the exported keys refuses sessions of the new key")
	late.Kill()
	w.say("ten minutes later: the new key signs; both sides accept sessions of both keys")
	w.wait(100)

	w.say("What clients do not get")
	w.differences(oldToken)
	w.wait(50)

	w.say("Back")
	w.run("back keys", 0)
	w.run("back "+proxy, 0)
	again := newClient("127.30.0.1").issue(t, site, "install-after-the-return", "")
	assert.True(t, again.fromBackend())
	assert.Equal(t, kid, claims(t, again.token(t))["kid"], "the backend signs with the new key")
	w.accepted(oldToken, newToken, rotated, again.token(t))
	w.users.keep(again.token(t))
	w.wait(100)
	w.run("stop", 0)
	for _, token := range []string{oldToken, newToken, rotated, again.token(t)} {
		assert.Equal(t, http.StatusOK, c.get(t, site, "/v1/library", token).status)
	}
	w.say("sessiond is stopped; the backend accepts every session that sessiond issued")
	w.wait(100)
	w.users.end()
	assert.Empty(t, w.users.failures)
}

// wave has clients with v1 tokens come back behind one address.
func (w *world) wave() {
	t := w.t
	c := newClient("127.40.0.1")
	v1 := harness.ForgeToken(fmt.Sprintf(`{"install_id":"install-of-v1","exp":%d}`,
		time.Now().Add(time.Hour).Unix()), secret)
	for _, address := range []string{w.service.Public + "/v1/sessions/current",
		w.backend.address + "/v1/library"} {
		host, path, _ := strings.Cut(address, "/")
		got := c.get(t, host, "/"+path, v1)
		assert.Equal(t, http.StatusUnauthorized, got.status)
		assert.Equal(t, "invalid_token", got.code())
	}
	holder := c.issue(t, w.site.address(), "install-that-holds-v2", "").token(t)
	granted, refused := 1, 0
	for n := range 40 {
		got := c.issue(t, w.site.address(), fmt.Sprintf("install-of-v1-%04d", n), v1)
		switch got.status {
		case http.StatusOK:
			granted++
			assert.Contains(t, got.header.Get("RateLimit-Policy"), `"ip"`, "a new session")
			assert.Equal(t, http.StatusOK,
				c.get(t, w.site.address(), "/v1/library", got.token(t)).status)
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
	got := c.issue(t, w.site.address(), "install-that-holds-v2", holder)
	assert.Equal(t, http.StatusOK, got.status, "a renewal is not part of the wave")
	assert.NotContains(t, got.header.Get("RateLimit-Policy"), `"ip"`)
	w.say("a v1 token is invalid_token on both sides; of 41 new sessions behind one address %d are "+
		"granted and %d refused with Retry-After; a renewal there is granted", granted, refused)
}

// hasten lets the time pass until the pending key of the keyset signs.
func (w *world) hasten() {
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
			key["sign_from"] = soon.UTC().Format(time.RFC3339)
		}
	}
	text, err = json.Marshal(set)
	require.NoError(t, err)
	harness.KeysetFile(name).Write(t, string(text), 0o600)
	w.copyKeyset()
}

// differences shows what changes for clients.
func (w *world) differences(backendToken string) {
	t, proxy := w.t, w.site.address()
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
