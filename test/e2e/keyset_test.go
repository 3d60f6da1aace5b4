package e2e_test

import (
	"bytes"
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

// A keyset in the service, as replicas, other verifiers and operators see it.

const jwksPath = "/.well-known/jwks.json"

// keysetFile is the path of a keyset file in a folder of its own.
type keysetFile string

func newKeyset(t *testing.T, all ...keys.Key) keysetFile {
	t.Helper()
	file := keysetFile(filepath.Join(t.TempDir(), "keyset.json"))
	file.put(t, all...)
	return file
}

// put replaces the keyset atomically, as the commands do.
func (f keysetFile) put(t *testing.T, all ...keys.Key) {
	t.Helper()
	keyring, err := keys.NewKeyring(all...)
	require.NoError(t, err)
	f.write(t, keys.FormatSet(keyring), 0o600)
}

func (f keysetFile) write(t *testing.T, text string, mode os.FileMode) {
	t.Helper()
	next := string(f) + ".next"
	require.NoError(t, os.WriteFile(next, []byte(text), 0o600))
	require.NoError(t, os.Chmod(next, mode))
	require.NoError(t, os.Rename(next, string(f)))
}

// env returns an environment with the keyset file, and more.
func (f keysetFile) env(more harness.Env) harness.Env {
	return with(harness.Env{"OFFLOAD_SESSION_KEYSET_FILE": string(f)}, more)
}

// symmetric returns an HS256 key.
func symmetric(id keys.ID, secret string, from time.Time) keys.Key {
	return keys.NewHS256(id, []byte(secret), keys.Plan{SignFrom: from})
}

// pair returns an EdDSA key.
func pair(id keys.ID, seed byte, from time.Time) keys.Key {
	return keys.NewEdDSA(id, bytes.Repeat([]byte{seed}, keys.SeedSize), keys.Plan{SignFrom: from})
}

// checks returns the status of the readiness response and its checks, by name.
func checks(t *testing.T, client *harness.Client) (int, map[string]string) {
	t.Helper()
	answer := client.Operations(t, http.MethodGet, "/readyz")
	var report struct {
		Checks map[string]struct{ Status, Detail string }
	}
	answer.Decode(t, &report)
	found := map[string]string{}
	for name, check := range report.Checks {
		found[name] = strings.TrimSuffix(check.Status+": "+check.Detail, ": ")
	}
	return answer.Status, found
}

// times waits until an event has been logged count times, and returns the last line.
func times(t *testing.T, log *harness.Log, event string, count int) harness.Line {
	t.Helper()
	seen := 0
	return log.AwaitLine(t, event, func(line harness.Line) bool {
		if line.Event() == event {
			seen++
		}
		return seen == count
	})
}

func TestInvalidKeysetKeepsTheLastGoodOne(t *testing.T) {
	t.Parallel()
	good := symmetric("good", strong, harness.Noon)
	file := newKeyset(t, good)
	service := harness.Serve(t, file.env(harness.Env{"OFFLOAD_ENVIRONMENT": "production",
		"OFFLOAD_LIMITER_DIGEST_KEY": stronger}))
	const failures = "offload_keys_reload_failures_total"
	assert.Zero(t, service.Metric(t, failures), "the series must exist from the start")
	assert.EqualValues(t, 1, service.Metric(t, `offload_keys{state="signing"}`))
	status, found := checks(t, service.Client)
	assert.Equal(t, 200, status)
	assert.Equal(t, map[string]string{"service": "ready", "keys": "ready", "keyset": "ready"}, found)
	token := service.Token(t, "install-12345")

	keyring, err := keys.NewKeyring(good)
	require.NoError(t, err)
	weak := symmetric("weak", "kqz8-jxw4-vpt", harness.Noon.Add(time.Hour))
	for n, c := range []struct {
		put   func()
		cause string
	}{
		{func() { file.write(t, "no keyset at all: "+strong, 0o600) }, "the set: is not JSON"},
		{func() { file.write(t, `{"keys":[{"kid":"good"}]}`, 0o600) },
			"key 1 (good): kty: must be oct or OKP"},
		{func() { require.NoError(t, os.Remove(string(file))) }, "is not found"},
		{func() { file.write(t, keys.FormatSet(keyring), 0o640|0o004) },
			"may be read or written by others"},
		{func() { file.put(t, good, weak) }, "key weak has fewer than 112 bits"},
		{func() { file.put(t, good, symmetric("digest", stronger, harness.Noon)) },
			"key digest is the same as OFFLOAD_LIMITER_DIGEST_KEY"},
		{func() { file.put(t, good.WithPlan(keys.Plan{SignFrom: harness.Noon, Revoked: true})) },
			"holds no key that can sign"},
	} {
		c.put()
		line := times(t, service.Log, "keys_reload_failed", n+1)
		assert.Equal(t, "ERROR", line.String("level"))
		assert.Contains(t, line.String("cause"), c.cause)
		assert.EqualValues(t, n+1, service.Metric(t, failures))
		status, found = checks(t, service.Client)
		assert.Equal(t, 200, status, "an invalid keyset must not take every replica out of service")
		assert.Equal(t,
			"ready: the keyset file could not be reloaded: the last good one is in force",
			found["keyset"])
		assert.Equal(t, 200, service.Current(t, harness.Bearer(token)).Status,
			"the last good keys must stay in force")
	}

	file.put(t, good, pair("pair", 7, harness.Noon.Add(time.Hour)))
	line := service.Log.Await(t, "keys_reloaded")
	assert.Equal(t, map[string]any{"good": "signing", "pair": "pending"}, line.Fields["keys"])
	_, found = checks(t, service.Client)
	assert.Equal(t, "ready", found["keyset"])
	assert.EqualValues(t, 7, service.Metric(t, failures))
	assert.EqualValues(t, 1, service.Metric(t, `offload_keys{state="pending"}`))
	service.Stop(t)
	hunt := hunt{quarry: map[string]string{"secret": strong, "digest key": stronger,
		"weak secret": "kqz8-jxw4-vpt"}, places: map[string]string{"log": service.Log.Text()}}
	assert.Empty(t, hunt.found())
}

func TestKeysetIsPublished(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, newKeyset(t, symmetric("secret", strong, harness.Noon),
		pair("pair", 7, harness.Noon.Add(time.Hour))).env(nil))
	answer := service.Send(t, http.MethodGet, jwksPath, "")
	assert.Equal(t, 200, answer.Status)
	assert.Equal(t, `{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","kid":"pair","x":"6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw"}]}`, answer.Body)
	assert.Equal(t, []string{"public, max-age=300"}, answer.Header.Values("Cache-Control"))
	tag := answer.Header.Get("ETag")
	head := service.Send(t, http.MethodHead, jwksPath, "")
	assert.Equal(t, 200, head.Status)
	assert.Equal(t, tag, head.Header.Get("ETag"))
	assert.Equal(t, answer.Header.Get("Content-Length"), head.Header.Get("Content-Length"))
	assert.Empty(t, head.Body)
	unchanged := service.Send(t, http.MethodGet, jwksPath, "",
		harness.Header{"If-None-Match", `"x", W/` + tag})
	assert.Equal(t, 304, unchanged.Status)
	assert.Empty(t, unchanged.Body)

	// The set does not depend on which key signs, so verifiers need not fetch it again.
	assert.Equal(t, 1, strings.Count(service.Token(t, "install-12345"), "."),
		"a token of the symmetric key has two parts")
	service.Clock.Advance(time.Hour)
	assert.Equal(t, tag, service.Send(t, http.MethodGet, jwksPath, "").Header.Get("ETag"))
	assert.Equal(t, 2, strings.Count(service.Token(t, "install-12345"), "."),
		"a JWS has three parts")
}
