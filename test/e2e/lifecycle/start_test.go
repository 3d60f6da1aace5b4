package lifecycle_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// The life cycle of the built binary: start, use and overload.

// TestLifeOnEmbeddedDefaults starts the service without any configuration.
func TestLifeOnEmbeddedDefaults(t *testing.T) {
	t.Parallel()
	service := harness.Start(t, nil)
	var health map[string]string
	service.Send(t, "GET", "/v1/health", "").Decode(t, &health)
	assert.Equal(t, "ok", health["status"])
	assert.Equal(t, "offload-backend-api", health["service"])
	assert.Equal(t, "development", health["environment"])
	assert.Contains(t, health, "version")
	assert.Len(t, health, 4)

	issued := service.Send(t, "POST", harness.IssuePath,
		`{"install_id":"install-12345","app_version":"1.0","platform":"ios"}`,
		harness.Header{"Content-Type", "application/json"})
	assert.Equal(t, "application/json", issued.Header.Get("Content-Type"))
	session := issued.Session(t)
	expires, err := time.Parse("2006-01-02T15:04:05Z", session.ExpiresAt)
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now().Add(time.Hour), expires, 10*time.Minute)
	assert.Equal(t, 3600, session.ExpiresIn)
	assert.GreaterOrEqual(t, session.RefreshAfter, 2520)
	assert.LessOrEqual(t, session.RefreshAfter, 3240)
	assert.Equal(t, `"ip";q=32;w=60, "network";q=2048;w=60, "install_id";q=4;w=60`, issued.Header.Get("RateLimit-Policy"))

	var current map[string]string
	service.Current(t, harness.Bearer(session.Token)).Decode(t, &current)
	assert.Equal(t, "install-12345", current["install_id"])
	assert.Equal(t, session.ExpiresAt, current["expires_at"])
	verified := service.Send(t, "GET", "/v1/sessions/verify", "", harness.Bearer(session.Token))
	assert.Equal(t, "install-12345", verified.Header.Get("X-Session-Install-Id"))
	service.RequireHealthy(t)

	assert.Zero(t, service.Stop(t))
	var events []string
	for _, line := range service.Log.Lines() {
		require.NotNil(t, line.Fields, "a line is not JSON: %s", line.Text)
		events = append(events, line.Event())
	}
	assert.Equal(t, []string{"configuration_warning", "service_started", "service_stopping",
		"service_stopped"}, events)
}

func TestLifeOfReadinessAndMetrics(t *testing.T) {
	t.Parallel()
	service := harness.Start(t, harness.Production(nil))
	live := service.Operations(t, "GET", "/livez")
	assert.Equal(t, http.StatusOK, live.Status)
	assert.JSONEq(t, `{"status":"ok"}`, live.Body)
	ready := service.Operations(t, "GET", "/readyz")
	assert.Equal(t, http.StatusOK, ready.Status)
	assert.JSONEq(t,
		`{"status":"ready","checks":{"keys":{"status":"ready","detail":""},"service":{"status":"ready","detail":""}}}`, ready.Body)

	token := service.Token(t, "install-12345")
	service.Issue(t, "install-12345", harness.Bearer(token))
	service.Current(t, harness.Bearer(token))
	service.Current(t)
	service.Current(t, harness.Bearer("x"))
	for _, odd := range []string{"/odd/path", "/odd/../path", "/v1/sessions/verify/odd"} {
		service.Exchange(t, "ODD", harness.RawRequest("ODD", odd, ""))
	}
	for series, value := range map[string]float64{
		`offload_http_requests_total{method="POST",route="/v1/sessions/anonymous",status="200"}`:   2,
		`offload_http_requests_total{method="GET",route="/v1/sessions/current",status="200"}`:      1,
		`offload_http_requests_total{method="GET",route="/v1/sessions/current",status="401"}`:      2,
		`offload_http_requests_total{method="other",route="unknown",status="404"}`:                 2,
		`offload_http_requests_total{method="other",route="/v1/sessions/verify",status="401"}`:     1,
		`offload_http_request_duration_seconds_count{method="other",route="unknown",status="404"}`: 2,
		`offload_http_requests_in_flight`:                                        1, // the request for the metrics
		`offload_sessions_issued_total{kind="new"}`:                              1,
		`offload_sessions_issued_total{kind="renewed"}`:                          1,
		`offload_session_throttled_total{dimension="ip",mode="enforce"}`:         0,
		`offload_session_throttled_total{dimension="install_id",mode="observe"}`: 0,
		`offload_token_verifications_total{outcome="valid",reason=""}`:           1,
		`offload_token_verifications_total{outcome="missing",reason="missing"}`:  2,
		`offload_token_verifications_total{outcome="invalid",reason="segments"}`: 1,
		`offload_token_verifications_total{outcome="expired",reason="expired"}`:  0,
		`offload_limiter_decision_duration_seconds_count{storage="memory"}`:      2,
		// An address, a network and an installation; an installation and an address that renew.
		`offload_limiter_subjects{storage="memory"}`:        5,
		`offload_limiter_forgotten_total{storage="memory"}`: 0,
		`offload_keys{state="signing"}`:                     1,
		`offload_keys{state="verifying"}`:                   0,
	} {
		assert.Equal(t, value, service.Metric(t, series), series)
	}
	metrics := service.Operations(t, "GET", "/metrics")
	assert.Contains(t, metrics.Header.Get("Content-Type"), "text/plain")
	for _, present := range []string{"offload_build_info{", "go_goroutines ", "process_open_fds "} {
		assert.Contains(t, metrics.Body, "\n"+present)
	}
	assert.NotContains(t, metrics.Body, "odd", "a caller must not be able to create a series")
	assert.NotContains(t, metrics.Body, "ODD")
}

// TestLifeBeforeAnyKeyCanSign shows that a replica whose keys are all pending serves and is not
// ready, and becomes ready when a key can sign.
func TestLifeBeforeAnyKeyCanSign(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, nil, harness.PendingKeyUntil(t, harness.Noon.Add(time.Minute)))
	ready := service.Operations(t, "GET", "/readyz")
	assert.Equal(t, http.StatusServiceUnavailable, ready.Status)
	assert.JSONEq(t,
		`{"status":"unready","checks":{"keys":{"status":"unready","detail":"no key may sign now"},"service":{"status":"ready","detail":""}}}`, ready.Body)
	assert.Equal(t, "service_unavailable", service.Issue(t, "install-12345").Code())
	service.Clock.Advance(time.Minute)
	assert.Equal(t, http.StatusOK, service.Operations(t, "GET", "/readyz").Status)
	harness.AssertGranted(t, service.Issue(t, "install-12345"))
}

func TestLifeWithoutAnOperationsListener(t *testing.T) {
	t.Parallel()
	service := harness.Start(t, harness.Env{"OFFLOAD_OPS_ADDR": ""})
	assert.Empty(t, service.Ops)
	harness.AssertGranted(t, service.Issue(t, "install-12345"))
	assert.Zero(t, service.Stop(t))
}

// TestLifeUnderOverload shows that every response under overload follows the contract, and that the
// service is healthy afterwards.
func TestLifeUnderOverload(t *testing.T) {
	t.Parallel()
	service := harness.Start(t, harness.Production(harness.Env{
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP":         "200",
		"OFFLOAD_SESSION_ISSUE_LIMIT_WINDOW_SECONDS": "86400"}))
	token := service.Token(t, "install-12345")
	const clients, rounds = 48, 15
	statuses := make([]map[int]int, clients)
	errs := make([]error, clients)
	var group sync.WaitGroup
	for n := range clients {
		statuses[n] = map[int]int{}
		group.Go(func() {
			// Connections are closed after each request, so that each takes a new one.
			closing := harness.Header{"Connection", "close"}
			for round := range rounds {
				for _, sent := range []struct {
					method, path, body string
					header             harness.Header
				}{
					{"POST", harness.IssuePath,
						harness.IssueBody(harness.InstallID(n*rounds + round)),
						harness.Header{}},
					{"POST", harness.IssuePath, harness.IssueBody("install-12345"),
						harness.Bearer(token)},
					{"POST", harness.IssuePath, strings.Repeat("{", 1+round*1500),
						harness.Header{}},
					{"GET", "/v1/sessions/current", "", harness.Bearer(token)},
					{"GET", "/v1/sessions/verify/x", "", harness.Bearer(token + "x")},
					{"DELETE", "/v1/health", "", harness.Header{}},
				} {
					headers := []harness.Header{closing}
					if sent.header[0] != "" {
						headers = append(headers, sent.header)
					}
					answer, err := service.Try(sent.method, sent.path, sent.body, headers...)
					if err != nil {
						errs[n] = err
						return
					}
					statuses[n][answer.Status]++
				}
			}
		})
	}
	harness.Wait(t, "every client has received its responses", &group)
	total := map[int]int{}
	for n := range clients {
		require.NoError(t, errs[n])
		for status, count := range statuses[n] {
			total[status] += count
		}
	}
	assert.Equal(t, clients*rounds, total[405])
	assert.Equal(t, clients*rounds, total[401])
	assert.Equal(t, clients*rounds, total[413]+total[422])
	assert.Equal(t, 3*clients*rounds, total[200]+total[429])
	assert.Positive(t, total[429])
	assert.GreaterOrEqual(t, total[200], clients*rounds+200)

	service.RequireHealthy(t)
	assert.EqualValues(t, 1, service.Metric(t, "offload_http_requests_in_flight"))
	assert.Zero(t, service.Stop(t))
	assert.Empty(t, service.Log.Of("panic_recovered"))
}

func TestLifeWithAPortInUse(t *testing.T) {
	t.Parallel()
	for name, variable := range map[string]string{"public": "OFFLOAD_HTTP_ADDR",
		"operations": "OFFLOAD_OPS_ADDR"} {
		t.Run(name, func(t *testing.T) {
			held := harness.OccupyAddress(t)
			exit := harness.Run(t, harness.Production(harness.Env{variable: held}))
			assert.Equal(t, 1, exit.Status)
			assert.True(t, exit.Listened())
			assert.Equal(t, "sessiond: "+variable+": cannot listen: listen tcp "+held+
				": bind: address already in use; stop the process that has it (ss -ltnp shows which), "+
				"or use another port\n", exit.Output)
		})
	}
}
