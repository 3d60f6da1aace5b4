package tuning_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/test/harness"
)

// TestTraceAndObserveAgree has many clients at once request new sessions and renewals from a
// service in mode observe. It counts what a simulation of its trace shows, for every dimension.
func TestTraceAndObserveAgree(t *testing.T) {
	trace := filepath.Join(t.TempDir(), "trace")
	service := harness.Serve(t, harness.BehindProxy(harness.Env{
		"OFFLOAD_SESSION_ISSUE_TRACE_FILE":           trace,
		"OFFLOAD_SESSION_ISSUE_LIMIT_MODE":           "observe",
		"OFFLOAD_SESSION_ISSUE_LIMIT_WINDOW_SECONDS": "1",
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP":         "6",
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_NETWORK":    "24",
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_INSTALL":    "3",
		"OFFLOAD_SESSION_RENEWAL_LIMIT_PER_INSTALL":  "2",
		"OFFLOAD_SESSION_RENEWAL_LIMIT_PER_IP":       "7",
	}))
	const workers, requests, installs, clients = 8, 400, 40, 16
	var tokens sync.Map // by install
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(worker)))
			for range requests {
				install := harness.InstallID(random.IntN(installs))
				headers := []harness.Header{harness.ForwardedFor(fmt.Sprintf("203.0.%d.%d",
					random.IntN(2), random.IntN(clients/2)))}
				if token, held := tokens.Load(install); held && random.IntN(2) == 0 {
					headers = append(headers, harness.Bearer(token.(string)))
				}
				answer, err := service.Try("POST", "/v1/sessions/anonymous",
					harness.IssueBody(install), headers...)
				if !assert.NoError(t, err) || !assert.Equal(t, 200, answer.Status) {
					return
				}
				tokens.Store(install, answer.Session(t).Token)
				// All together advance it by half a minute: so little that no other request, which
				// the machine holds up, counts as one whose response is not read.
				service.Clock.Advance(time.Duration(random.IntN(20)) * time.Millisecond)
			}
		})
	}
	harness.Wait(t, "all requests are answered", &group)
	throttled := map[string]int{}
	for _, dimension := range throttle.Dimensions() {
		//nolint:gocritic // a label of Prometheus
		throttled[dimension.String()] = int(service.Metric(t, fmt.Sprintf(
			`offload_session_throttled_total{dimension="%s",mode="observe"}`, dimension)))
		assert.Positive(t, throttled[dimension.String()], dimension)
	}
	renewed := service.Metric(t, `offload_sessions_issued_total{kind="renewed"}`)
	assert.Greater(t, renewed, float64(workers*requests/4))
	service.Stop(t)

	info, err := os.Stat(trace)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	text, err := os.ReadFile(trace)
	require.NoError(t, err)
	assert.NotContains(t, string(text), "203.0")
	assert.NotContains(t, string(text), harness.InstallID(1))
	assert.Equal(t, 1+workers*requests, strings.Count(string(text), "\n"))

	report := simulate(t, trace)
	assert.Empty(t, report.Unreadable)
	assert.Equal(t, workers*requests, report.Requests)
	require.Len(t, report.Settings, 1)
	found := report.Settings[0]
	assert.Equal(t, throttled, found.RefusedBy)
	assert.Equal(t, map[string]int{"ip": 6, "network": 24, "install_id": 3, "renewal": 2,
		"renewal_ip": 7}, found.Limits)
	assert.Equal(t, 1, found.WindowSeconds)
	// A dimension that is off refuses nothing, and its refusals fall to others or to none.
	both := simulate(t, trace, "--per-network", "0,24").Settings
	require.Len(t, both, 2)
	assert.NotContains(t, both[0].Limits, "network")
	assert.NotContains(t, both[0].RefusedBy, "network")
	assert.Less(t, both[0].Refused, found.Refused)
	assert.Equal(t, found, both[1])
	// An installation or an address counts once for new sessions and once for renewals.
	assert.Equal(t, 2*installs, found.Installations.Subjects)
	assert.Equal(t, 2*clients, found.Addresses.Subjects)
}

// TestARestartForgets shows that a simulation forgets what the service's memory forgot.
func TestARestartForgets(t *testing.T) {
	trace := filepath.Join(t.TempDir(), "trace")
	for range 2 {
		service := harness.Serve(t, harness.BehindProxy(harness.Env{
			"OFFLOAD_SESSION_ISSUE_TRACE_FILE": trace,
			"OFFLOAD_SESSION_ISSUE_LIMIT_MODE": "observe"}))
		for range 5 {
			harness.AssertGranted(t, service.Issue(t, "install-12345", harness.FromClient(1)))
		}
		service.Stop(t)
	}
	report := simulate(t, trace)
	assert.Equal(t, 10, report.Requests)
	assert.Equal(t, 2, report.Settings[0].Refused, "one by each process")
	report = simulate(t, trace, "--per-ip", "1", "--per-install", "10000")
	assert.Equal(t, 8, report.Settings[0].Refused)
}
