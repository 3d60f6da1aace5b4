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
	client.Send(t, http.MethodGet, harness.JWKSPath, "").Decode(t, &set)
	end := strings.LastIndexByte(token, '.')
	signature, err := base64.RawURLEncoding.DecodeString(token[end+1:])
	require.NoError(t, err)
	for _, key := range set.Keys {
		if key.Kid == string(harness.StampOf(t, token).Kid) {
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
			refused := harness.RunRefused(t, harness.ProductionKeyset(path))
			harness.AssertRefused(t, refused, nil)
			assert.Contains(t, refused.Output, "sessiond keys create")

			harness.KeysCommand(t, harness.ProductionKeyset(path),
				append([]string{"create", "--kid", "first"}, args...)...)
			stat, err := os.Stat(path)
			require.NoError(t, err)
			assert.Equal(t, os.FileMode(0o600), stat.Mode())

			service := harness.Start(t, harness.ProductionKeyset(path))
			service.RequireHealthy(t)
			token := service.Token(t, "install-12345")
			stamp := harness.StampOf(t, token)
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
	before := harness.Start(t, harness.Production(nil))
	token := before.Token(t, "install-12345")
	harness.KeysCommand(t, harness.ProductionKeyset(path), "import", "--kid", "v2-default",
		"--secret-file",
		harness.SecretFile(t, 0o600, " \t"+harness.StrongSecret+"\r\n\n"))

	after := harness.Start(t, harness.ProductionKeyset(path))
	assert.Equal(t, http.StatusOK, after.Current(t, harness.Bearer(token)).Status)
	renewed := renews(t, after.Client, "install-12345", token)
	assert.Equal(t, http.StatusOK, before.Current(t, harness.Bearer(renewed)).Status,
		"replicas of both kinds must accept each other's tokens")
	renews(t, before.Client, "install-12345", renewed)

	later := harness.ServeAt(t, wall().Add(2*time.Hour), harness.ProductionKeyset(path))
	assert.Equal(t, "expired_token", later.Current(t, harness.Bearer(token)).Code())
	renews(t, later.Client, "install-12345", token)
}

// TestKeysFromHS256ToEdDSALosesNoSession shows that a rotation may change the algorithm: tokens of
// the old key remain valid and renewable, and other verifiers know the new key.
func TestKeysFromHS256ToEdDSALosesNoSession(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keyset.json")
	harness.KeysCommand(t, harness.ProductionKeyset(path), "create", "--kid", "old")
	service := harness.Start(t, harness.ProductionKeyset(path).With(
		harness.Env{"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP": "10000"}))
	var tokens []string
	for n := range 20 {
		tokens = append(tokens, service.Token(t, harness.InstallID(n)))
		require.Equal(t, keys.HS256, harness.StampOf(t, tokens[n]).Algorithm)
	}
	harness.KeysCommand(t, harness.ProductionKeyset(path), "rotate", "--kid", "new", "--alg",
		"EdDSA", "--sign-after",
		"1s", "--force")
	var last string
	issued := len(tokens)
	harness.Poll(t, "the new key signs", func() bool {
		last = service.Token(t, harness.InstallID(issued))
		issued++
		require.Equal(t, http.StatusOK, service.Current(t, harness.Bearer(last)).Status)
		return harness.StampOf(t, last).Kid == "new"
	})
	assert.True(t, published(t, service.Client, last))
	for n, token := range tokens {
		assert.Equal(t, http.StatusOK, service.Current(t, harness.Bearer(token)).Status)
		renewed := service.Issue(t, harness.InstallID(n), harness.Bearer(token))
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
	set := harness.NewKeyset(t, harness.HS256Key("first", harness.StrongSecret, from),
		harness.EdDSAKey("later", 7, from.Add(time.Hour)))
	service := harness.Serve(t, set.Env(harness.Env{"OFFLOAD_ENVIRONMENT": "production"}))
	status, found := service.Readiness(t)
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
	ahead := harness.ServeAt(t, from.Add(time.Second), set.Env(nil))
	token := ahead.Token(t, "install-12345")
	assert.Equal(t, http.StatusOK, service.Current(t, harness.Bearer(token)).Status)
	status, _ = service.Readiness(t)
	assert.Equal(t, http.StatusServiceUnavailable, status, "a nanosecond before")

	service.Clock.Advance(1)
	status, _ = service.Readiness(t)
	assert.Equal(t, http.StatusOK, status)
	harness.AssertGranted(t, service.Issue(t, "install-12345"))
	assert.Equal(t, "ERROR", service.Log.AwaitCount(t, "keys_signer_missing", 1).String("level"))
	service.Log.AwaitCount(t, "keys_signer_found", 1)
	service.Stop(t)
	assert.Len(t, service.Log.Of("keys_signer_missing"), 1, "logged once")
}

// TestKeysAllPendingBecomeReadyByThemselves shows the same with the built binary and the wall
// clock.
func TestKeysAllPendingBecomeReadyByThemselves(t *testing.T) {
	t.Parallel()
	from := soon()
	service := harness.Start(t, harness.NewKeyset(t, harness.HS256Key("first", harness.StrongSecret,
		from)).Env(harness.Env{"OFFLOAD_ENVIRONMENT": "production"}))
	harness.Poll(t, "the service is ready", func() bool {
		status, _ := service.Readiness(t)
		if wall().Before(from) {
			require.Equal(t, http.StatusServiceUnavailable, status, "ready before its time")
		}
		return status == http.StatusOK
	})
	assert.GreaterOrEqual(t, harness.StampOf(t, service.Token(t, "install-12345")).Iat, from.Unix())
}

// TestKeysSignerThatEndsWithoutASuccessor shows that only issuing stops when the signer ends
// without a successor: the throttle is not consulted, other keys verify, and the replica stays
// ready.
func TestKeysSignerThatEndsWithoutASuccessor(t *testing.T) {
	t.Parallel()
	end := harness.Noon.Add(30 * time.Second)
	signer := harness.HS256Key("signer", harness.StrongSecret, harness.Noon).WithPlan(
		keys.Plan{SignFrom: harness.Noon,
			VerifyUntil: end})
	waits := harness.HS256Key("waits", harness.OtherSecret, harness.Noon.Add(time.Hour))
	set := harness.NewKeyset(t, signer, waits)
	service := harness.Serve(t, set.Env(harness.Env{"OFFLOAD_ENVIRONMENT": "production"}))
	token := service.Token(t, "install-12345")
	service.Clock.Advance(end.Sub(harness.Noon) - 1)
	answer := service.Issue(t, "install-12345")
	harness.AssertGranted(t, answer, "a nanosecond before")
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
	ofAnother := signed(changed("kid", `"waits"`), harness.OtherSecret)
	assert.Equal(t, http.StatusOK, service.Current(t, harness.Bearer(ofAnother)).Status)
	assert.Equal(t, http.StatusOK, service.Send(t, http.MethodGet, "/v1/sessions/verify", "",
		harness.Bearer(ofAnother)).Status)
	status, found := service.Readiness(t)
	assert.Equal(t, http.StatusOK, status, "unready replicas would end verification too")
	assert.Equal(t, map[string]string{"service": "ready", "keys": "ready: no key may sign now",
		"keyset": "ready"}, found)
	assert.Zero(t, service.Metric(t, `offload_keys{state="signing"}`))
	assert.EqualValues(t, 1, service.Metric(t, `offload_keys{state="expired"}`))
	assert.Equal(t, "ERROR", service.Log.AwaitCount(t, "keys_signer_missing", 1).String("level"))

	// A new key signs at once, and the refused requests have used up nothing.
	set.Put(t, signer, waits, harness.EdDSAKey("new", 7, end))
	service.Log.AwaitCount(t, "keys_reloaded", 1)
	answer = service.Issue(t, "install-12345")
	assert.Equal(t, keys.ID("new"), harness.StampOf(t, answer.Session(t).Token).Kid)
	assert.Contains(t, answer.Header.Get("RateLimit"), `"install_id";r=1;`)
	assert.Equal(t, newPolicy, answer.Header.Get("RateLimit-Policy"))
	_, found = service.Readiness(t)
	assert.Equal(t, "ready", found["keys"])
	service.Stop(t)
	assert.Len(t, service.Log.Of("keys_signer_missing"), 1, "logged once")
	assert.Len(t, service.Log.Of("keys_signer_found"), 1)
}

// TestKeysFileModes shows which modes of the keyset file are accepted.
func TestKeysFileModes(t *testing.T) {
	t.Parallel()
	text := harness.KeysetText(t, harness.HS256Key("key", harness.StrongSecret,
		wall().Add(-time.Hour)))
	for _, mode := range []os.FileMode{0o644, 0o604, 0o602, 0o620, 0o660, 0o666, 0o777} {
		t.Run(fmt.Sprintf("%#o is refused", mode), func(t *testing.T) {
			t.Parallel()
			path := harness.SecretFile(t, mode, text)
			exit := harness.RunRefused(t, harness.ProductionKeyset(path))
			harness.AssertRefused(t, exit, harness.Env{"OFFLOAD_SESSION_SECRET": harness.StrongSecret})
			assert.Contains(t, exit.Output,
				"may be read or written by others, or written by its group")
		})
	}
	for _, mode := range []os.FileMode{0o640, 0o440, 0o600, 0o400} {
		t.Run(fmt.Sprintf("%#o is fine", mode), func(t *testing.T) {
			t.Parallel()
			harness.Start(t, harness.ProductionKeyset(
				harness.SecretFile(t, mode, text))).RequireHealthy(t)
		})
	}
	t.Run("development accepts any mode", func(t *testing.T) {
		t.Parallel()
		harness.Start(t, harness.Env{"OFFLOAD_SESSION_KEYSET_FILE": harness.SecretFile(t, 0o666,
			text)}).RequireHealthy(t)
	})
}
