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

// What an operator does with keys, with the built binary and the service that uses them: the first
// key, the move from a secret, the move to another algorithm; and what becomes of a service that
// has no key to sign with.

// inProduction names a keyset for a production-like environment.
func inProduction(path string) harness.Env {
	return harness.Env{"OFFLOAD_ENVIRONMENT": "production", "OFFLOAD_SESSION_KEYSET_FILE": path}
}

// keysCommand runs a command of sessiond keys, which must succeed.
func keysCommand(t *testing.T, env harness.Env, args ...string) {
	t.Helper()
	exit := harness.Run(t, env, append([]string{"keys"}, args...)...)
	require.Zero(t, exit.Status, "%s", exit.Output)
}

// What the throttle says that it was asked under the default limits: for a session of somebody new,
// and for one that renews another.
const (
	askedForNewcomer = `"ip";q=8;w=60, "install_id";q=4;w=60`
	askedForRenewal  = `"install_id";q=4;w=60`
)

// renews asks for a session with a token of the same installation, which must count as a renewal,
// and returns the new token.
func renews(t *testing.T, client *harness.Client, installID, token string) string {
	t.Helper()
	answer := client.Issue(t, installID, harness.Bearer(token))
	renewed := answer.Session(t).Token
	assert.Equal(t, askedForRenewal, answer.Header.Get("RateLimit-Policy"))
	return renewed
}

// published reports whether the published keys verify a JWS. What verifiers elsewhere do is this
// and no more.
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

// From nothing to a session: the service says what it lacks, and a command makes it.
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

// A secret that is imported is the same key: what it signed before is good after, and renews, also
// when it has ended meanwhile.
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
		"while replicas of both kinds run, each takes the other's")
	renews(t, before.Client, "install-12345", renewed)

	later := harness.ServeAt(t, wall().Add(2*time.Hour), inProduction(path))
	assert.Equal(t, "expired_token", later.Current(t, harness.Bearer(token)).Code())
	renews(t, later.Client, "install-12345", token)
}

// A rotation may change the algorithm: what the old key signed is good and renews, and verifiers
// elsewhere know the new key.
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
		assert.Equal(t, askedForRenewal, renewed.Header.Get("RateLimit-Policy"))
		assert.True(t, published(t, service.Client, renewed.Session(t).Token))
	}
	assert.Empty(t, service.Log.Of("keys_reload_failed"))
}

// Replicas whose keys all wait serve, verify what a replica whose clock is ahead signs, and are
// ready by themselves.
func TestKeysThatAllWait(t *testing.T) {
	t.Parallel()
	from := harness.Noon.Add(90 * time.Second)
	set := newKeyset(t, symmetric("first", strong, from), pair("later", 7, from.Add(time.Hour)))
	service := harness.Serve(t, set.env(harness.Env{"OFFLOAD_ENVIRONMENT": "production"}))
	status, told := checks(t, service.Client)
	assert.Equal(t, http.StatusServiceUnavailable, status)
	assert.Equal(t, map[string]string{"service": "ready", "keys": "unready: no key may sign now",
		"keyset": "ready"}, told)
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
	assert.Len(t, service.Log.Of("keys_signer_missing"), 1, "told once")
}

// The same with the built binary and the wall's clock: nothing but time makes it ready.
func TestKeysThatAllWaitAreReadyByThemselves(t *testing.T) {
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

// A signer that ends with nobody to follow takes issuing with it, and nothing else: the throttle is
// not asked, other keys verify, and the replica stays in.
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
	assert.Equal(t, decided, service.Metric(t, decisions), "the throttle is not asked")
	assert.Equal(t, "invalid_token", service.Current(t, harness.Bearer(token)).Code())
	ofAnother := signed(changed("kid", `"waits"`), stronger)
	assert.Equal(t, http.StatusOK, service.Current(t, harness.Bearer(ofAnother)).Status)
	assert.Equal(t, http.StatusOK, service.Send(t, http.MethodGet, "/v1/sessions/verify", "",
		harness.Bearer(ofAnother)).Status)
	status, told := checks(t, service.Client)
	assert.Equal(t, http.StatusOK, status, "taking every replica out would end verifying too")
	assert.Equal(t, map[string]string{"service": "ready", "keys": "ready: no key may sign now",
		"keyset": "ready"}, told)
	assert.Zero(t, service.Metric(t, `offload_keys{state="signing"}`))
	assert.EqualValues(t, 1, service.Metric(t, `offload_keys{state="expired"}`))
	assert.Equal(t, "ERROR", times(t, service.Log, "keys_signer_missing", 1).String("level"))

	// A key that is put in place signs at once, and what was refused has taken nothing.
	set.put(t, signer, waits, pair("new", 7, end))
	times(t, service.Log, "keys_reloaded", 1)
	answer = service.Issue(t, "install-12345")
	assert.Equal(t, keys.ID("new"), stampIn(t, answer.Session(t).Token).Kid)
	assert.Contains(t, answer.Header.Get("RateLimit"), `"install_id";r=1;`)
	assert.Equal(t, askedForNewcomer, answer.Header.Get("RateLimit-Policy"))
	_, told = checks(t, service.Client)
	assert.Equal(t, "ready", told["keys"])
	service.Stop(t)
	assert.Len(t, service.Log.Of("keys_signer_missing"), 1, "told once")
	assert.Len(t, service.Log.Of("keys_signer_found"), 1)
}

// Who may do what with the file is looked at where it matters, at the start as on reload.
func TestKeysFileOfEachMode(t *testing.T) {
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
	t.Run("development takes any", func(t *testing.T) {
		t.Parallel()
		harness.Start(t, harness.Env{"OFFLOAD_SESSION_KEYSET_FILE": file(t, 0o666,
			text)}).RequireHealthy(t)
	})
}
