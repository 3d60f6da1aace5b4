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

// The outage policies.
const (
	local = "local"
	deny  = "deny"
	allow = "allow"
)

var policies = []string{local, deny, allow}

// The secrets of the replicas, and their limits. The window is longer than any test, so that all
// grants of a subject lie in one window.
const (
	sessionSecret = "q0Xv7Gm2Jw9sTzYhB4nLkRcEoAiUd8Pf3Vx6MgQyHbE="
	digestKey     = "uY5rTg8Hq2Wm6Zx9Ns3Ck7Bd1Vf4Jp0LaEoQiRtXy+c="
	perAddress    = 8
	perInstall    = 4
	windowSeconds = 3600
)

// replica is a process of the service.
type replica struct{ *harness.Process }

// environment returns the environment of a replica whose storage is at url. Its HTTP timeouts are
// so long that a loaded machine does not run into them.
func environment(url, policy string, timeout time.Duration) harness.Env {
	return harness.Env{
		"OFFLOAD_ENVIRONMENT":                        "production",
		"OFFLOAD_SESSION_SECRET":                     sessionSecret,
		"OFFLOAD_LIMITER_DIGEST_KEY":                 digestKey,
		"OFFLOAD_LIMITER_STORAGE":                    "redis",
		"OFFLOAD_REDIS_URL":                          url,
		"OFFLOAD_LIMITER_ON_OUTAGE":                  policy,
		"OFFLOAD_REDIS_TIMEOUT_MS":                   strconv.Itoa(int(timeout.Milliseconds())),
		"OFFLOAD_TRUSTED_PROXIES":                    "127.0.0.0/8",
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP":         strconv.Itoa(perAddress),
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_NETWORK":    "0", // all clients come from a few
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_INSTALL":    strconv.Itoa(perInstall),
		"OFFLOAD_SESSION_ISSUE_LIMIT_WINDOW_SECONDS": strconv.Itoa(windowSeconds),
		"OFFLOAD_LIMITER_MAX_SUBJECTS":               "100000",
		"OFFLOAD_HTTP_READ_TIMEOUT_SECONDS":          "3600",
		"OFFLOAD_HTTP_IDLE_TIMEOUT_SECONDS":          "3600",
	}
}

func startReplica(t testing.TB, env harness.Env) *replica {
	t.Helper()
	return &replica{harness.Start(t, env)}
}

// startSharingReplica starts a replica that shares its decisions from the start.
func startSharingReplica(t testing.TB, env harness.Env) *replica {
	t.Helper()
	return &replica{harness.StartSharing(t, env)}
}

// metrics returns the value of every series of a replica, by name and labels.
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

// outage returns the gauge of the policy's outage, and how many decisions the policy has made. It
// fails the test where the metrics of another policy have moved.
func (r *replica) outage(t testing.TB, policy string) (out bool, decisions int) {
	t.Helper()
	series := r.metrics(t)
	for _, other := range policies {
		label := `{policy="` + other + `"}`
		require.Contains(t, series, "offload_limiter_outage"+label)
		if other != policy {
			require.Zero(t, series["offload_limiter_outage"+label]+
				series["offload_limiter_outage_decisions_total"+label], "policy %s", other)
		}
	}
	label := `{policy="` + policy + `"}`
	return series["offload_limiter_outage"+label] == 1,
		int(series["offload_limiter_outage_decisions_total"+label])
}

// limiterDetail returns the detail of the limiter's readiness check. The replica must be ready.
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
