package lifecycle_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/test/harness"
)

// A service without a key that can sign.

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
	missing := service.Log.AwaitCount(t, "keys_signer_missing", 1)
	assert.Equal(t, "ERROR", missing.String("level"))
	assert.Equal(t, from.Format(time.RFC3339), missing.String("next"))
	assert.Contains(t, missing.String("remedy"), "sessiond keys create --sign-after 0s")
	service.Log.AwaitCount(t, "keys_signer_found", 1)
	service.Stop(t)
	assert.Len(t, service.Log.Of("keys_signer_missing"), 1, "logged once")
}

// TestKeysAllPendingBecomeReadyByThemselves shows the same with the built binary and the wall
// clock.
func TestKeysAllPendingBecomeReadyByThemselves(t *testing.T) {
	t.Parallel()
	// Well after the start of the service, on a busy machine too.
	from := time.Now().Round(0).Truncate(time.Second).Add(6 * time.Second).UTC()
	service := harness.Start(t, harness.NewKeyset(t, harness.HS256Key("first", harness.StrongSecret,
		from)).Env(harness.Env{"OFFLOAD_ENVIRONMENT": "production"}))
	harness.Poll(t, "the service is ready", func() bool {
		status, _ := service.Readiness(t)
		if time.Now().Round(0).Before(from) {
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
		keys.Plan{SignFrom: harness.Noon, VerifyUntil: end})
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
	noon := harness.Noon.Unix()
	ofAnother := harness.ForgeToken(fmt.Sprintf(`{"v":2,"kid":"waits","iat":%d,"nbf":%d,`+
		`"iss":"offload-backend","aud":"offload-ios","install_id":"install-12345","exp":%d}`,
		noon, noon, noon+120), harness.OtherSecret)
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
	assert.Equal(t, `"ip";q=32;w=60, "network";q=2048;w=60, "install_id";q=4;w=60`,
		answer.Header.Get("RateLimit-Policy"))
	_, found = service.Readiness(t)
	assert.Equal(t, "ready", found["keys"])
	service.Stop(t)
	assert.Len(t, service.Log.Of("keys_signer_missing"), 1, "logged once")
	assert.Len(t, service.Log.Of("keys_signer_found"), 1)
}
