package e2e_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/test/harness"
)

// What operators do with keys, with the built binary: the first key, the move from a secret to a
// keyset, the move to another algorithm; and a service without a signing key.

// inProduction returns a production-like environment with a keyset file.
func inProduction(path string) harness.Env {
	return harness.Env{"OFFLOAD_ENVIRONMENT": "production", "OFFLOAD_SESSION_KEYSET_FILE": path}
}

// keysCommand runs a sessiond keys command, which must succeed.
func keysCommand(t *testing.T, env harness.Env, args ...string) {
	t.Helper()
	exit := harness.Run(t, env, append([]string{"keys"}, args...)...)
	require.Zero(t, exit.Status, "%s", exit.Output)
}

// The RateLimit-Policy under the default limits, of a new session and of a renewal.
const (
	newPolicy     = `"ip";q=8;w=60, "install_id";q=4;w=60`
	renewalPolicy = `"install_id";q=4;w=60`
)

// renews requests a session with a token of the same installation, which must count as a renewal,
// and returns the new token.
func renews(t *testing.T, client *harness.Client, installID, token string) string {
	t.Helper()
	answer := client.Issue(t, installID, harness.Bearer(token))
	renewed := answer.Session(t).Token
	assert.Equal(t, renewalPolicy, answer.Header.Get("RateLimit-Policy"))
	return renewed
}

// published reports whether the published keys verify a JWS, as other verifiers do it.
func published(t *testing.T, client *harness.Client, token string) bool {
	t.Helper()
	var set struct{ Keys []struct{ Kid, X string } }
	client.Send(t, http.MethodGet, jwksPath, "").Decode(t, &set)
	end := strings.LastIndexByte(token, '.')
	signature, err := base64.RawURLEncoding.DecodeString(token[end+1:])
	require.NoError(t, err)
	for _, key := range set.Keys {
		if key.Kid == string(stampIn(t, token).Kid) {
			public, err := base64.RawURLEncoding.DecodeString(key.X)
			require.NoError(t, err)
			return ed25519.Verify(public, []byte(token[:end]), signature)
		}
	}
	return false
}

// TestKeysFromNothingToASession shows that the service names the command that creates the missing
// keyset, and that it works.
func TestKeysFromNothingToASession(t *testing.T) {
	t.Parallel()
	for algorithm, args := range map[keys.Algorithm][]string{keys.HS256: nil,
		keys.EdDSA: {"--alg", "EdDSA"}} {
		t.Run(string(algorithm), func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "keyset.json")
			refused := harness.RunRefused(t, inProduction(path))
			assertRefused(t, refused, nil)
			assert.Contains(t, refused.Output, "sessiond keys create")

			keysCommand(t, inProduction(path),
				append([]string{"create", "--kid", "first"}, args...)...)
			stat, err := os.Stat(path)
			require.NoError(t, err)
			assert.Equal(t, os.FileMode(0o600), stat.Mode())

			service := harness.Start(t, inProduction(path))
			service.RequireHealthy(t)
			token := service.Token(t, "install-12345")
			stamp := stampIn(t, token)
			assert.Equal(t, keys.ID("first"), stamp.Kid)
			assert.Equal(t, algorithm, stamp.Algorithm)
			assert.Equal(t, http.StatusOK, service.Current(t, harness.Bearer(token)).Status)
			assert.Equal(t, algorithm == keys.EdDSA, published(t, service.Client, token))
		})
	}
}

// TestKeysImportLosesNoSession shows that an imported secret is the same key: tokens signed before
// remain valid and renewable, also when they have expired meanwhile.
func TestKeysImportLosesNoSession(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keyset.json")
	before := harness.Start(t, production(nil))
	token := before.Token(t, "install-12345")
	keysCommand(t, inProduction(path), "import", "--kid", "v2-default", "--secret-file",
		file(t, 0o600, " \t"+strong+"\r\n\n"))

	after := harness.Start(t, inProduction(path))
	assert.Equal(t, http.StatusOK, after.Current(t, harness.Bearer(token)).Status)
	renewed := renews(t, after.Client, "install-12345", token)
	assert.Equal(t, http.StatusOK, before.Current(t, harness.Bearer(renewed)).Status,
		"replicas of both kinds must accept each other's tokens")
	renews(t, before.Client, "install-12345", renewed)

	later := harness.ServeAt(t, wall().Add(2*time.Hour), inProduction(path))
	assert.Equal(t, "expired_token", later.Current(t, harness.Bearer(token)).Code())
	renews(t, later.Client, "install-12345", token)
}

// TestKeysFromHS256ToEdDSALosesNoSession shows that a rotation may change the algorithm: tokens of
// the old key remain valid and renewable, and other verifiers know the new key.
func TestKeysFromHS256ToEdDSALosesNoSession(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keyset.json")
	keysCommand(t, inProduction(path), "create", "--kid", "old")
	service := harness.Start(t, with(inProduction(path),
		harness.Env{"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP": "10000"}))
	var tokens []string
	for n := range 20 {
		tokens = append(tokens, service.Token(t, numbered(n)))
		require.Equal(t, keys.HS256, stampIn(t, tokens[n]).Algorithm)
	}
	keysCommand(t, inProduction(path), "rotate", "--kid", "new", "--alg", "EdDSA", "--sign-after",
		"1s", "--force")
	var last string
	issued := len(tokens)
	poll(t, "the new key signs", func() bool {
		last = service.Token(t, numbered(issued))
		issued++
		require.Equal(t, http.StatusOK, service.Current(t, harness.Bearer(last)).Status)
		return stampIn(t, last).Kid == "new"
	})
	assert.True(t, published(t, service.Client, last))
	for n, token := range tokens {
		assert.Equal(t, http.StatusOK, service.Current(t, harness.Bearer(token)).Status)
		renewed := service.Issue(t, numbered(n), harness.Bearer(token))
		assert.Equal(t, renewalPolicy, renewed.Header.Get("RateLimit-Policy"))
		assert.True(t, published(t, service.Client, renewed.Session(t).Token))
	}
	assert.Empty(t, service.Log.Of("keys_reload_failed"))
}

// TestKeysAllPending shows that a replica whose keys are all pending serves, verifies tokens of a
// replica whose clock is ahead, and becomes ready by itself.
func TestKeysAllPending(t *testing.T) {
	t.Parallel()
	from := harness.Noon.Add(90 * time.Second)
	set := newKeyset(t, symmetric("first", strong, from), pair("later", 7, from.Add(time.Hour)))
	service := harness.Serve(t, set.env(harness.Env{"OFFLOAD_ENVIRONMENT": "production"}))
	status, found := checks(t, service.Client)
	assert.Equal(t, http.StatusServiceUnavailable, status)
	assert.Equal(t, map[string]string{"service": "ready", "keys": "unready: no key may sign now",
		"keyset": "ready"}, found)
	for _, wait := range []struct {
		before  time.Duration
		seconds string
	}{
		{90 * time.Second, "60"}, {60*time.Second + 1, "60"}, {60 * time.Second, "60"},
		{60*time.Second - 1, "60"}, {59 * time.Second, "59"},
		{1500 * time.Millisecond, "2"}, {time.Second, "1"}, {1, "1"},
	} {
		service.Clock.Advance(from.Add(-wait.before).Sub(service.Clock.Now()))
		refused := service.Issue(t, "install-12345")
		assert.Equal(t, http.StatusServiceUnavailable, refused.Status)
		assert.Equal(t, "service_unavailable", refused.Code())
		assert.Equal(t, wait.seconds, refused.Header.Get("Retry-After"), "%s before", wait.before)
	}
	ahead := harness.ServeAt(t, from.Add(time.Second), set.env(nil))
	token := ahead.Token(t, "install-12345")
	assert.Equal(t, http.StatusOK, service.Current(t, harness.Bearer(token)).Status)
	status, _ = checks(t, service.Client)
	assert.Equal(t, http.StatusServiceUnavailable, status, "a nanosecond before")

	service.Clock.Advance(1)
	status, _ = checks(t, service.Client)
	assert.Equal(t, http.StatusOK, status)
	assertGranted(t, service.Issue(t, "install-12345"))
	assert.Equal(t, "ERROR", times(t, service.Log, "keys_signer_missing", 1).String("level"))
	times(t, service.Log, "keys_signer_found", 1)
	service.Stop(t)
	assert.Len(t, service.Log.Of("keys_signer_missing"), 1, "logged once")
}

// TestKeysAllPendingBecomeReadyByThemselves shows the same with the built binary and the wall
// clock.
func TestKeysAllPendingBecomeReadyByThemselves(t *testing.T) {
	t.Parallel()
	from := soon()
	service := harness.Start(t, newKeyset(t, symmetric("first", strong,
		from)).env(harness.Env{"OFFLOAD_ENVIRONMENT": "production"}))
	poll(t, "the service is ready", func() bool {
		status, _ := checks(t, service.Client)
		if wall().Before(from) {
			require.Equal(t, http.StatusServiceUnavailable, status, "ready before its time")
		}
		return status == http.StatusOK
	})
	assert.GreaterOrEqual(t, stampIn(t, service.Token(t, "install-12345")).Iat, from.Unix())
}

// TestKeysSignerThatEndsWithoutASuccessor shows that only issuing stops when the signer ends
// without a successor: the throttle is not consulted, other keys verify, and the replica stays
// ready.
func TestKeysSignerThatEndsWithoutASuccessor(t *testing.T) {
	t.Parallel()
	end := harness.Noon.Add(30 * time.Second)
	signer := symmetric("signer", strong, harness.Noon).WithPlan(keys.Plan{SignFrom: harness.Noon,
		VerifyUntil: end})
	waits := symmetric("waits", stronger, harness.Noon.Add(time.Hour))
	set := newKeyset(t, signer, waits)
	service := harness.Serve(t, set.env(harness.Env{"OFFLOAD_ENVIRONMENT": "production"}))
	token := service.Token(t, "install-12345")
	service.Clock.Advance(end.Sub(harness.Noon) - 1)
	answer := service.Issue(t, "install-12345")
	assertGranted(t, answer, "a nanosecond before")
	assert.Contains(t, answer.Header.Get("RateLimit"), `"install_id";r=2;`)
	const decisions = `offload_limiter_decision_duration_seconds_count{storage="memory"}`
	decided := service.Metric(t, decisions)

	service.Clock.Advance(1)
	for range 10 {
		refused := service.Issue(t, "install-12345", harness.Bearer(token))
		assert.Equal(t, http.StatusServiceUnavailable, refused.Status)
		assert.Equal(t, "service_unavailable", refused.Code())
		assert.Equal(t, "60", refused.Header.Get("Retry-After"))
		assert.NotContains(t, refused.Header, "Ratelimit")
		assert.NotContains(t, refused.Header, "Ratelimit-Policy")
	}
	assert.Equal(t, decided, service.Metric(t, decisions), "the throttle must not be consulted")
	assert.Equal(t, "invalid_token", service.Current(t, harness.Bearer(token)).Code())
	ofAnother := signed(changed("kid", `"waits"`), stronger)
	assert.Equal(t, http.StatusOK, service.Current(t, harness.Bearer(ofAnother)).Status)
	assert.Equal(t, http.StatusOK, service.Send(t, http.MethodGet, "/v1/sessions/verify", "",
		harness.Bearer(ofAnother)).Status)
	status, found := checks(t, service.Client)
	assert.Equal(t, http.StatusOK, status, "unready replicas would end verification too")
	assert.Equal(t, map[string]string{"service": "ready", "keys": "ready: no key may sign now",
		"keyset": "ready"}, found)
	assert.Zero(t, service.Metric(t, `offload_keys{state="signing"}`))
	assert.EqualValues(t, 1, service.Metric(t, `offload_keys{state="expired"}`))
	assert.Equal(t, "ERROR", times(t, service.Log, "keys_signer_missing", 1).String("level"))

	// A new key signs at once, and the refused requests have used up nothing.
	set.put(t, signer, waits, pair("new", 7, end))
	times(t, service.Log, "keys_reloaded", 1)
	answer = service.Issue(t, "install-12345")
	assert.Equal(t, keys.ID("new"), stampIn(t, answer.Session(t).Token).Kid)
	assert.Contains(t, answer.Header.Get("RateLimit"), `"install_id";r=1;`)
	assert.Equal(t, newPolicy, answer.Header.Get("RateLimit-Policy"))
	_, found = checks(t, service.Client)
	assert.Equal(t, "ready", found["keys"])
	service.Stop(t)
	assert.Len(t, service.Log.Of("keys_signer_missing"), 1, "logged once")
	assert.Len(t, service.Log.Of("keys_signer_found"), 1)
}

// TestKeysFileModes shows which modes of the keyset file are accepted.
func TestKeysFileModes(t *testing.T) {
	t.Parallel()
	text := setOf(t, symmetric("key", strong, wall().Add(-time.Hour)))
	for _, mode := range []os.FileMode{0o644, 0o604, 0o602, 0o620, 0o660, 0o666, 0o777} {
		t.Run(fmt.Sprintf("%#o is refused", mode), func(t *testing.T) {
			t.Parallel()
			path := file(t, mode, text)
			exit := harness.RunRefused(t, inProduction(path))
			assertRefused(t, exit, harness.Env{"OFFLOAD_SESSION_SECRET": strong})
			assert.Contains(t, exit.Output,
				"may be read or written by others, or written by its group")
		})
	}
	for _, mode := range []os.FileMode{0o640, 0o440, 0o600, 0o400} {
		t.Run(fmt.Sprintf("%#o is fine", mode), func(t *testing.T) {
			t.Parallel()
			harness.Start(t, inProduction(file(t, mode, text))).RequireHealthy(t)
		})
	}
	t.Run("development accepts any mode", func(t *testing.T) {
		t.Parallel()
		harness.Start(t, harness.Env{"OFFLOAD_SESSION_KEYSET_FILE": file(t, 0o666,
			text)}).RequireHealthy(t)
	})
}
