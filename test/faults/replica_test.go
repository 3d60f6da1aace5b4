package faults_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// The policies.
const (
	local = "local"
	deny  = "deny"
	allow = "allow"
)

// The secrets of the replicas, and their limits: the window is longer than any test, so that all
// grants of a subject lie in one.
const (
	sessionSecret = "q0Xv7Gm2Jw9sTzYhB4nLkRcEoAiUd8Pf3Vx6MgQyHbE="
	digestKey     = "uY5rTg8Hq2Wm6Zx9Ns3Ck7Bd1Vf4Jp0LaEoQiRtXy+c="
	perAddress    = 8
	perInstall    = 4
	windowSeconds = 3600
)

// replica is a process of the service.
type replica struct{ *harness.Process }

// environment is a replica's on a storage that is reached by url.
func environment(url, policy string, timeout time.Duration) harness.Env {
	return harness.Env{
		"OFFLOAD_ENVIRONMENT": "production", "OFFLOAD_SESSION_SECRET": sessionSecret,
		"OFFLOAD_LIMITER_DIGEST_KEY": digestKey,
		"OFFLOAD_LIMITER_STORAGE":    "redis", "OFFLOAD_REDIS_URL": url,
		"OFFLOAD_LIMITER_ON_OUTAGE":                  policy,
		"OFFLOAD_REDIS_TIMEOUT_MS":                   strconv.Itoa(int(timeout.Milliseconds())),
		"OFFLOAD_TRUSTED_PROXIES":                    "127.0.0.0/8",
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP":         strconv.Itoa(perAddress),
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_INSTALL":    strconv.Itoa(perInstall),
		"OFFLOAD_SESSION_ISSUE_LIMIT_WINDOW_SECONDS": strconv.Itoa(windowSeconds),
		"OFFLOAD_LIMITER_MAX_SUBJECTS":               "100000",
	}
}

func startReplica(t testing.TB, env harness.Env) *replica {
	t.Helper()
	return &replica{harness.Start(t, env)}
}

// startSharing starts a replica that finds its storage. The probe at the start has one second,
// whatever the timeout, which may pass on a busy machine: such a replica is replaced.
func startSharing(t testing.TB, env harness.Env) *replica {
	t.Helper()
	for range 10 {
		r := startReplica(t, env)
		if len(r.Log.Of("limiter_outage_started")) == 0 {
			return r
		}
		r.Stop(t)
	}
	require.Fail(t, "no replica found its storage when it started")
	return nil
}

// metrics are all series of a replica by name with labels.
func (r *replica) metrics(t testing.TB) map[string]float64 {
	t.Helper()
	series := map[string]float64{}
	for line := range strings.Lines(r.Operations(t, http.MethodGet, "/metrics").Body) {
		name, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		if value, err := strconv.ParseFloat(text, 64); err == nil {
			series[name] = value
		}
	}
	return series
}

// out is the gauge of that policy's outage, and decided how often the policy decided; nobody else's
// may have moved.
func (r *replica) out(t testing.TB, policy string) (out bool, decided int) {
	t.Helper()
	series := r.metrics(t)
	for _, other := range []string{local, deny, allow} {
		label := `{policy="` + other + `"}`
		require.Contains(t, series, "offload_limiter_outage"+label)
		if other != policy {
			require.Zero(t, series["offload_limiter_outage"+label]+
				series["offload_limiter_outage_decisions_total"+label], "of the policy %s", other)
		}
	}
	label := `{policy="` + policy + `"}`
	return series["offload_limiter_outage"+label] == 1,
		int(series["offload_limiter_outage_decisions_total"+label])
}

// limiterDetail is what readiness says of the storage; the replica must be ready.
func (r *replica) limiterDetail(t testing.TB) string {
	t.Helper()
	answer := r.Operations(t, http.MethodGet, "/readyz")
	require.Equal(t, http.StatusOK, answer.Status, "%s", answer.Body)
	var ready struct {
		Checks map[string]struct{ Status, Detail string }
	}
	answer.Decode(t, &ready)
	require.Equal(t, "ready", ready.Checks["limiter"].Status, "%s", answer.Body)
	return ready.Checks["limiter"].Detail
}

// await polls until something is so.
func await(t testing.TB, what string, is func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	late := time.After(harness.Timeout)
	for !is() {
		select {
		case <-ticker.C:
		case <-late:
			require.Fail(t, "it does not come about", "%s", what)
		}
	}
}
