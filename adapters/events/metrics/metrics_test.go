package metrics_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/events/metrics"
	"github.com/offload/sessiond/adapters/limiter/memory"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/proof"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/domain/token"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/ports/portsfake"
	"github.com/offload/sessiond/ports/portsmock"
)

// scrape returns the response of the metrics handler.
func scrape(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	require.Equal(t, 200, answer.Code)
	return answer.Body.String()
}

func TestEverySeriesExistsFromTheStart(t *testing.T) {
	text := scrape(t, metrics.New("1.2.3"))
	assert.Contains(t, text, "\noffload_forwarded_by_stranger_total 0\n")
	assert.Contains(t, text, `offload_sessions_issued_total{kind="new"} 0`)
	assert.Contains(t, text, `offload_sessions_issued_total{kind="renewed"} 0`)
	assert.Contains(t, text,
		`offload_session_throttled_total{dimension="install_id",mode="observe"} 0`)
	assert.Contains(t, text, `offload_token_verifications_total{outcome="valid",reason=""} 0`)
	assert.Contains(t, text,
		`offload_token_verifications_total{outcome="expired",reason="expired"} 0`)
	assert.Contains(t, text,
		`offload_token_verifications_total{outcome="missing",reason="missing"} 0`)
	assert.Equal(t, len(token.Reasons())+1, strings.Count(text,
		"\noffload_token_verifications_total{"))
	assert.Contains(t, text, `offload_proofs_total{reason=""} 0`)
	assert.Equal(t, len(proof.Reasons())+1, strings.Count(text, "\noffload_proofs_total{"))
	assert.Contains(t, text, "\noffload_thumbprint_ids_total 0\n")
	assert.Contains(t, text, "\noffload_keys_reload_failures_total 0\n")
	assert.Contains(t, text, "\noffload_tls_reload_failures_total 0\n")
	assert.Contains(t, text, "\noffload_redis_tls_reload_failures_total 0\n")
	assert.NotContains(t, text, "offload_tls_certificate", "there is none")
	assert.Contains(t, text, "\noffload_http_connections 0\n")
	for _, budget := range []string{"connections", "connections_per_address",
		"connections_per_network", "requests", "waiting", "unread"} {
		assert.Contains(t, text, `offload_http_shed_total{budget="`+budget+`"} 0`)
	}
	for _, policy := range []string{"local", "deny", "allow"} {
		assert.Contains(t, text, `offload_limiter_outage{policy="`+policy+`"} 0`)
		assert.Contains(t, text, `offload_limiter_outage_decisions_total{policy="`+policy+`"} 0`)
	}
	for _, reason := range []string{"unreachable", "late", "redirected", "refused"} {
		assert.Contains(t, text, `offload_trace_spans_lost_total{reason="`+reason+`"} 0`)
	}
	assert.Contains(t, text, "\noffload_traces_failing 0\n")
	assert.Contains(t, text, `version="1.2.3"`)
	assert.Contains(t, text, "\ngo_goroutines ")
}

func TestCountsEventsAndRequests(t *testing.T) {
	m := metrics.New("")
	for _, event := range []ports.Event{
		ports.SessionIssued{}, ports.SessionIssued{ThumbprintID: true}, ports.SessionIssued{Renewed: true},
		ports.IssuanceThrottled{Dimension: throttle.ByInstall, Mode: ports.Observe},
		ports.RequestsShed{Budget: ports.BudgetWaiting},
		ports.ForwardedByStranger{}, ports.ForwardedByStranger{},
		ports.TokenVerified{}, ports.TokenVerified{Reason: token.ReasonIssuer},
		ports.TokenVerified{Reason: token.ReasonExpired},
		ports.ProofJudged{}, ports.ProofJudged{}, ports.ProofJudged{Reason: proof.ReasonReplayed},
		ports.ReloadFailed{Material: ports.MaterialKeys, Cause: errors.New("no keyset")},
		ports.ReloadFailed{Material: ports.MaterialTLS, Cause: errors.New("no certificate")},
		ports.ReloadFailed{Material: ports.MaterialTLS, Cause: errors.New("no key")},
		ports.Reloaded{Content: ports.KeysContent{}}, ports.WatchFailed{},
	} {
		m.Record(context.Background(), event)
	}
	m.Began()
	m.Began()
	m.Answered("/v1/health", "GET", 200, time.Millisecond)
	text := scrape(t, m)
	for _, want := range []string{
		`offload_sessions_issued_total{kind="new"} 2`,
		`offload_sessions_issued_total{kind="renewed"} 1`,
		`offload_session_throttled_total{dimension="install_id",mode="observe"} 1`,
		`offload_token_verifications_total{outcome="valid",reason=""} 1`,
		`offload_token_verifications_total{outcome="invalid",reason="issuer"} 1`,
		`offload_token_verifications_total{outcome="expired",reason="expired"} 1`,
		`offload_proofs_total{reason=""} 2`,
		`offload_proofs_total{reason="replayed"} 1`,
		`offload_proofs_total{reason="htu"} 0`,
		`offload_thumbprint_ids_total 1`,
		`offload_keys_reload_failures_total 1`,
		`offload_tls_reload_failures_total 2`,
		`offload_tls_reload_failing 1`,
		`offload_keys_reload_failing 0`,
		`offload_http_requests_in_flight 1`,
		`offload_forwarded_by_stranger_total 2`,
		`offload_http_shed_total{budget="waiting"} 1`,
		`offload_http_requests_total{method="GET",route="/v1/health",status="200"} 1`,
		`offload_http_request_duration_seconds_bucket{method="GET",route="/v1/health",status="200",le="0.001"} 1`,
	} {
		assert.Contains(t, text, want+"\n")
	}
}

// TestFailuresOfARouteExistFromTheStart checks the series without which a rate would miss the first
// failure.
func TestFailuresOfARouteExistFromTheStart(t *testing.T) {
	m := metrics.New("")
	m.Serves("/v1/health", "GET", "HEAD")
	text := scrape(t, m)
	for _, method := range []string{"GET", "HEAD"} {
		for _, status := range []string{"200", "500", "503"} {
			assert.Contains(t, text, `offload_http_requests_total{method="`+method+
				`",route="/v1/health",status="`+status+`"} 0`+"\n")
		}
	}
	assert.Equal(t, 6, strings.Count(text, "\noffload_http_requests_total{"))
	assert.NotContains(t, text, "offload_http_request_duration_seconds_bucket{")
}

// TestCountsLostSpans checks that each lost span is counted, and that the gauge shows whether the
// last export failed.
func TestCountsLostSpans(t *testing.T) {
	m := metrics.New("")
	for _, event := range []ports.Event{
		ports.SpansLost{Count: 5, Reason: ports.SpansLate}, ports.TracesLost{Cause: errors.New("late")},
		ports.SpansLost{Count: 2, Reason: ports.SpansLate},
	} {
		m.Record(context.Background(), event)
	}
	text := scrape(t, m)
	assert.Contains(t, text, `offload_trace_spans_lost_total{reason="late"} 7`+"\n")
	assert.Contains(t, text, "\noffload_traces_failing 1\n")
	m.Record(context.Background(), ports.TracesExported{})
	assert.Contains(t, scrape(t, m), "\noffload_traces_failing 0\n")
}

func TestShowsTheEndOfTheCertificate(t *testing.T) {
	ends := time.Date(2026, 2, 16, 12, 0, 0, 0, time.UTC)
	m := metrics.New("")
	m.Certificate(func() time.Time { return ends })
	const name = "offload_tls_certificate_not_after_timestamp_seconds"
	assert.Contains(t, scrape(t, m), "\n"+name+" 1.7712432e+09\n")
	ends = ends.Add(time.Second)
	assert.Contains(t, scrape(t, m), "\n"+name+" 1.771243201e+09\n", "of the one in force now")
}

func TestShowsKeysByState(t *testing.T) {
	noon := time.Date(2026, 2, 16, 12, 0, 0, 0, time.UTC)
	keyring, err := keys.NewKeyring(
		keys.NewHS256("a", []byte("a"), keys.Plan{SignFrom: noon.Add(-time.Hour)}),
		keys.NewHS256("b", []byte("b"), keys.Plan{SignFrom: noon}),
		keys.NewHS256("c", []byte("c"), keys.Plan{Revoked: true}))
	require.NoError(t, err)
	clock := portsfake.NewClock(noon.Add(-time.Second))
	m := metrics.New("")
	m.Keys(portsfake.NewKeys(keyring), clock)
	text := scrape(t, m)
	assert.Contains(t, text, `offload_keys{state="signing"} 1`)
	assert.Contains(t, text, `offload_keys{state="pending"} 1`)
	assert.Contains(t, text, `offload_keys{state="revoked"} 1`)
	assert.Contains(t, text, "\noffload_keys_next_change_timestamp_seconds 1.7712432e+09\n")
	clock.Advance(time.Second)
	text = scrape(t, m)
	assert.Contains(t, text, `offload_keys{state="pending"} 0`)
	assert.Contains(t, text, `offload_keys{state="verifying"} 1`)
	assert.Contains(t, text, "\noffload_keys_next_change_timestamp_seconds 0\n", "none")
}

func TestShowsWhenSigningEnds(t *testing.T) {
	noon := time.Date(2026, 2, 16, 12, 0, 0, 0, time.UTC)
	keyring, err := keys.NewKeyring(keys.NewHS256("a", []byte("a"),
		keys.Plan{SignFrom: noon.Add(-time.Hour), VerifyUntil: noon}))
	require.NoError(t, err)
	source := portsfake.NewKeys(keyring)
	m := metrics.New("")
	m.Keys(source, portsfake.NewClock(noon.Add(-time.Second)))
	const name = "\noffload_keys_signing_until_timestamp_seconds"
	assert.Contains(t, scrape(t, m), name+" 1.7712432e+09\n")
	source.Put(keyringOf(t, "b", keys.Plan{SignFrom: noon}))
	assert.Contains(t, scrape(t, m), name+" 1.771243199e+09\n", "none signs now")
	source.Put(keyringOf(t, "c", keys.Plan{}))
	assert.Contains(t, scrape(t, m), name+" 0\n", "always")
}

// keyringOf returns a keyring of one key.
func keyringOf(t *testing.T, id keys.ID, plan keys.Plan) *keys.Keyring {
	t.Helper()
	keyring, err := keys.NewKeyring(keys.NewHS256(id, []byte("a"), plan))
	require.NoError(t, err)
	return keyring
}

func TestCountsConnections(t *testing.T) {
	m := metrics.New("")
	for range 3 {
		m.ConnectionOpened()
	}
	m.ConnectionClosed()
	for _, budget := range ports.Budgets() {
		m.Record(context.Background(), ports.ConnectionRefused{Budget: budget})
	}
	m.Record(context.Background(), ports.ConnectionRefused{Budget: ports.BudgetConnections})
	text := scrape(t, m)
	assert.Contains(t, text, "\noffload_http_connections 2\n")
	assert.Contains(t, text, `offload_http_shed_total{budget="connections"} 2`)
	assert.Contains(t, text, `offload_http_shed_total{budget="connections_per_network"} 1`)
}

// counts implements metrics.Counts.
type counts struct{ at throttle.Instant }

func (c *counts) Subjects(now throttle.Instant) int { c.at = now; return 3 }
func (*counts) Forgotten() uint64                   { return 2 }

func TestTimesAndCountsAStorage(t *testing.T) {
	clock := portsfake.NewClock(time.Time{})
	cause := errors.New("unavailable")
	want := throttle.NewChecks(throttle.Check{Limit: 1, Window: time.Second})
	storage := &portsmock.LimiterStorageMock{
		DecideFunc: func(_ context.Context, now throttle.Instant,
			checks throttle.Checks) (throttle.Decision, error) {
			assert.Equal(t, throttle.Instant(42), now)
			assert.Equal(t, want, checks)
			clock.Advance(time.Millisecond)
			return throttle.Decision{}, cause
		},
	}
	m := metrics.New("")
	stats := &counts{}
	_, err := m.Limiter(ports.StorageMemory, storage, stats, clock).Decide(context.Background(), 42, want)
	assert.ErrorIs(t, err, cause)
	text := scrape(t, m)
	assert.Contains(t, text,
		`offload_limiter_decision_duration_seconds_sum{storage="memory"} 0.001`)
	assert.Contains(t, text, `offload_limiter_subjects{storage="memory"} 3`)
	assert.Contains(t, text, `offload_limiter_forgotten_total{storage="memory"} 2`)
	assert.Equal(t, clock.Instant(), stats.at)
}

func TestTwoStoragesHaveSeparateSeries(t *testing.T) {
	clock := portsfake.NewClock(time.Time{})
	storage, err := memory.New(1, portsfake.SameLimit(1))
	require.NoError(t, err)
	m := metrics.New("")
	for _, timed := range []ports.LimiterStorage{
		m.Limiter(ports.StorageRedis, storage, nil, clock), m.Limiter(ports.StorageMemory, storage, &counts{}, clock),
	} {
		_, err := timed.Decide(context.Background(), 0, throttle.Checks{})
		require.NoError(t, err)
	}
	text := scrape(t, m)
	assert.Contains(t, text, `offload_limiter_decision_duration_seconds_count{storage="redis"} 1`)
	assert.Contains(t, text, `offload_limiter_decision_duration_seconds_count{storage="memory"} 1`)
	assert.NotContains(t, text, `offload_limiter_subjects{storage="redis"}`,
		"the storage has no counts")
}

func TestShowsAnOutage(t *testing.T) {
	m := metrics.New("")
	m.Record(context.Background(), ports.LimiterOutageStarted{Policy: ports.OutageDeny,
		Cause: errors.New("unavailable")})
	m.Record(context.Background(), ports.LimiterOutageDecision{Policy: ports.OutageDeny})
	m.Record(context.Background(), ports.LimiterOutageDecision{Policy: ports.OutageDeny})
	text := scrape(t, m)
	assert.Contains(t, text, `offload_limiter_outage{policy="deny"} 1`)
	assert.Contains(t, text, `offload_limiter_outage{policy="local"} 0`)
	m.Record(context.Background(), ports.LimiterOutageEnded{Policy: ports.OutageDeny})
	text = scrape(t, m)
	assert.Contains(t, text, `offload_limiter_outage{policy="deny"} 0`)
	assert.Contains(t, text, `offload_limiter_outage_decisions_total{policy="deny"} 2`)
}

func TestShowsDroppedLines(t *testing.T) {
	var dropped int64
	m := metrics.New("")
	m.DroppedLines(func() int64 { return dropped })
	assert.Contains(t, scrape(t, m), "\noffload_log_lines_dropped_total 0\n")
	dropped = 7
	assert.Contains(t, scrape(t, m), "\noffload_log_lines_dropped_total 7\n")
}
