package keys_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/leaks"
)

// A keyset in the service, as replicas, other verifiers and operators see it.

func TestInvalidKeysetKeepsTheLastGoodOne(t *testing.T) {
	t.Parallel()
	good := harness.HS256Key("good", harness.StrongSecret, harness.Noon)
	file := harness.NewKeyset(t, good)
	service := harness.Serve(t, file.Env(harness.Env{"OFFLOAD_ENVIRONMENT": "production",
		"OFFLOAD_LIMITER_DIGEST_KEY": harness.OtherSecret}))
	const failures = "offload_keys_reload_failures_total"
	assert.Zero(t, service.Metric(t, failures), "the series must exist from the start")
	assert.EqualValues(t, 1, service.Metric(t, `offload_keys{state="signing"}`))
	status, found := service.Readiness(t)
	assert.Equal(t, 200, status)
	assert.Equal(t, map[string]string{"service": "ready", "keys": "ready", "keyset": "ready"}, found)
	token := service.Token(t, "install-12345")

	keyring, err := keys.NewKeyring(good)
	require.NoError(t, err)
	weak := harness.HS256Key("weak", "kqz8-jxw4-vpt", harness.Noon.Add(time.Hour))
	for n, c := range []struct {
		put   func()
		cause string
	}{
		{func() { file.Write(t, "no keyset at all: "+harness.StrongSecret, 0o600) },
			"the set: is not JSON"},
		{func() { file.Write(t, `{"keys":[{"kid":"good"}]}`, 0o600) },
			"key 1 (good): kty: must be oct, OKP or EC"},
		{func() { require.NoError(t, os.Remove(string(file))) }, "is not found"},
		{func() { file.Write(t, keys.FormatSet(keyring), 0o640|0o004) },
			"may be read or written by others"},
		{func() { file.Put(t, good, weak) }, "key 2 (weak): k: has fewer than 112 bits"},
		{func() {
			file.Put(t, good, harness.HS256Key("digest", harness.OtherSecret,
				harness.Noon))
		},
			"key 1 (digest): k: is the same as OFFLOAD_LIMITER_DIGEST_KEY"},
		{func() { file.Put(t, good.WithPlan(keys.Plan{SignFrom: harness.Noon, Revoked: true})) },
			"holds no key that can sign"},
	} {
		c.put()
		line := service.Log.AwaitCount(t, "keys_reload_failed", n+1)
		assert.Equal(t, "ERROR", line.String("level"))
		assert.Contains(t, line.String("cause"), c.cause)
		assert.Equal(t, string(file), line.String("file"))
		assert.EqualValues(t, n+1, service.Metric(t, failures))
		status, found = service.Readiness(t)
		assert.Equal(t, 200, status, "an invalid keyset must not take every replica out of service")
		assert.Equal(t,
			"ready: the keyset file could not be reloaded: the last good one is in force",
			found["keyset"])
		assert.Equal(t, 200, service.Current(t, harness.Bearer(token)).Status,
			"the last good keys must stay in force")
	}

	file.Put(t, good, harness.EdDSAKey("pair", 7, harness.Noon.Add(time.Hour)))
	line := service.Log.Await(t, "keys_reloaded")
	assert.Equal(t, map[string]any{"good": "signing", "pair": "pending"}, line.Fields["keys"])
	_, found = service.Readiness(t)
	assert.Equal(t, "ready", found["keyset"])
	assert.EqualValues(t, 7, service.Metric(t, failures))
	assert.EqualValues(t, 1, service.Metric(t, `offload_keys{state="pending"}`))
	service.Stop(t)
	search := leaks.Search{Forbidden: map[string]string{"secret": harness.StrongSecret,
		"digest key":  harness.OtherSecret,
		"weak secret": "kqz8-jxw4-vpt"}, Places: map[string]string{"log": service.Log.Text()}}
	assert.Empty(t, search.Found())
}

func TestKeysetIsPublished(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, harness.NewKeyset(t,
		harness.HS256Key("secret", harness.StrongSecret, harness.Noon),
		harness.EdDSAKey("pair", 7, harness.Noon.Add(time.Hour)),
		harness.ES256Key("point", 8, harness.Noon.Add(2*time.Hour))).Env(nil))
	answer := service.Send(t, http.MethodGet, harness.JWKSPath, "")
	assert.Equal(t, 200, answer.Status)
	assert.Equal(t, `{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","kid":"pair","x":"6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw"},`+
		`{"kty":"EC","crv":"P-256","alg":"ES256","use":"sig","kid":"point","x":"OtqxXWYla_Fc1xYDWz8EFETlEv7R3WTUunVZfSDjZvE","y":"VG0skKg-uroBWVCZ5fP_u9M4THSU3mdZ_dXmXvrpzGc"}]}`, answer.Body)
	assert.Equal(t, []string{"public, max-age=300"}, answer.Header.Values("Cache-Control"))
	tag := answer.Header.Get("ETag")
	head := service.Send(t, http.MethodHead, harness.JWKSPath, "")
	assert.Equal(t, 200, head.Status)
	assert.Equal(t, tag, head.Header.Get("ETag"))
	assert.Equal(t, answer.Header.Get("Content-Length"), head.Header.Get("Content-Length"))
	assert.Empty(t, head.Body)
	unchanged := service.Send(t, http.MethodGet, harness.JWKSPath, "",
		harness.Header{"If-None-Match", `"x", W/` + tag})
	assert.Equal(t, 304, unchanged.Status)
	assert.Empty(t, unchanged.Body)

	// The set does not depend on which key signs, so verifiers need not fetch it again.
	assert.Equal(t, 1, strings.Count(service.Token(t, "install-12345"), "."),
		"a token of the symmetric key has two parts")
	service.Clock.Advance(time.Hour)
	assert.Equal(t, tag, service.Send(t, http.MethodGet, harness.JWKSPath, "").Header.Get("ETag"))
	assert.Equal(t, 2, strings.Count(service.Token(t, "install-12345"), "."),
		"a JWS has three parts")
}

// TestKeysDenylistIsReadAgain adds a secret to the operator's list while the service runs, and then
// puts it into the keyset: it is refused, as it would be by a replica that starts.
func TestKeysDenylistIsReadAgain(t *testing.T) {
	t.Parallel()
	good := harness.HS256Key("good", harness.StrongSecret, harness.Noon)
	leaked := harness.HS256Key("leaked", harness.OtherSecret, harness.Noon.Add(time.Hour))
	file := harness.NewKeyset(t, good)
	list := filepath.Join(t.TempDir(), "denied")
	require.NoError(t, os.WriteFile(list, []byte("# none yet\n"), 0o600))
	service := harness.Start(t, harness.ProductionKeyset(string(file)).With(harness.Env{
		"OFFLOAD_SECRET_DENYLIST_FILE": list}))

	require.NoError(t, os.WriteFile(list, []byte(harness.OtherSecret+"\n"), 0o600))
	file.Put(t, good, leaked)
	line := service.Log.AwaitCount(t, "keys_reload_failed", 1)
	assert.Contains(t, line.String("cause"),
		"key 2 (leaked): k: is publicly known or on the list of denied secrets")

	require.NoError(t, os.Remove(list))
	line = service.Log.AwaitCount(t, "keys_reload_failed", 2)
	assert.Equal(t, "keyset file: cannot be judged: OFFLOAD_SECRET_DENYLIST_FILE names the file "+
		list+", which is not found", line.String("cause"), "without its list, it must not fail open")
	assert.Equal(t, "name a file that exists", line.String("remedy"))

	file.Put(t, good)
	require.NoError(t, os.WriteFile(list, []byte("# none again\n"), 0o600))
	assert.Equal(t, map[string]any{"good": "signing"},
		service.Log.Await(t, "keys_reloaded").Fields["keys"])

	require.NoError(t, os.WriteFile(list, []byte(harness.StrongSecret+"\n"), 0o600))
	service.Signal(t, syscall.SIGHUP)
	line = service.Log.AwaitCount(t, "keys_reload_failed", 3)
	assert.Equal(t, string(file), line.String("file"))
	assert.Contains(t, line.String("cause"),
		"key 1 (good): k: is publicly known or on the list of denied secrets")
	assert.NotEmpty(t, service.Token(t, "install-12345"), "the key in force stays")

	require.NoError(t, os.WriteFile(list, nil, 0o600))
	service.Log.AwaitCount(t, "keys_reloaded", 2)
}
