package traces_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/redisserver"
)

// of returns a condition that a span has a name.
func of(name string) func(span) bool { return func(s span) bool { return s.name == name } }

const issueSpan = "POST " + harness.IssuePath

// TestRequestDecisionAndCallAreSpans shows the three spans of a request for a session, their
// attributes, and the trace in the log.
func TestRequestDecisionAndCallAreSpans(t *testing.T) {
	t.Parallel()
	collector := startCollector(t)
	server := redisserver.Start(t)
	service := harness.StartSharing(t, collector.env(harness.Production(harness.Env{
		"OFFLOAD_LIMITER_STORAGE": "redis", "OFFLOAD_REDIS_URL": server.URL(),
		"OFFLOAD_LIMITER_DIGEST_KEY": harness.OtherSecret, "OFFLOAD_REDIS_TIMEOUT_MS": "10000",
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_INSTALL": "1", "OFFLOAD_LOG_LEVEL": "debug"})))
	assert.Equal(t, true, service.Log.Await(t, "service_started").Fields["traces"])
	token := service.Token(t, "install-12345")
	refused := service.Issue(t, "install-12345")
	require.Equal(t, http.StatusTooManyRequests, refused.Status)
	service.Current(t, harness.Bearer("nothing"))

	requests := collector.await(t, "two requests", 2, of(issueSpan))
	decisions := collector.await(t, "two decisions", 2, of("limiter decision"))
	calls := collector.await(t, "two calls", 2, of("redis call"))
	for n, request := range requests {
		assert.Equal(t, tracepb.Span_SPAN_KIND_SERVER, request.kind)
		assert.Empty(t, request.parent, "it begins a trace")
		assert.Equal(t, request.id, decisions[n].parent)
		assert.Equal(t, decisions[n].id, calls[n].parent)
		assert.Equal(t, tracepb.Span_SPAN_KIND_CLIENT, calls[n].kind)
		assert.Equal(t, request.trace, calls[n].trace)
	}
	assert.Equal(t, map[string]string{"http.request.method": "POST",
		"http.route": harness.IssuePath, "http.response.status_code": "OK",
		"offload.session.renewed": "false"}, requests[0].attributes)
	assert.Equal(t, map[string]string{"http.request.method": "POST",
		"http.route": harness.IssuePath, "http.response.status_code": "Too Many Requests",
		"offload.throttle.dimension": "install_id", "offload.throttle.mode": "enforce"},
		requests[1].attributes)
	assert.Equal(t, map[string]string{"offload.limiter.storage": "redis",
		"offload.limiter.outcome": "granted"}, decisions[0].attributes)
	assert.Equal(t, map[string]string{"db.system.name": "redis",
		"offload.limiter.outcome": "refused"}, calls[1].attributes)
	rejected := collector.await(t, "a rejection", 1, of("GET /v1/sessions/current"))[0]
	assert.Equal(t, "segments", rejected.attributes["offload.token.reason"])
	assert.Equal(t, "sessiond", collector.described()["service.name"])

	line := service.Log.Await(t, "session_issuance_throttled")
	assert.Equal(t, requests[1].trace, line.String("trace_id"))
	logged := map[string]bool{}
	for _, line := range service.Log.Of("http_request") {
		logged[line.String("trace_id")] = true
	}
	assert.True(t, logged[requests[0].trace] && logged[requests[1].trace] && logged[rejected.trace])

	server.Kill()
	collector.await(t, "a decision of the outage policy", 1, func() func(span) bool {
		service.Issue(t, "install-67890")
		return func(s span) bool { return s.attributes["offload.limiter.outage_policy"] == "local" }
	}())
	assert.Zero(t, service.Stop(t))
	collector.assertNothingOf(t, "install-12345", "install-67890", "127.0.0.1", token)
	assert.NotContains(t, service.Log.Text(), credential)
}

// A traceparent, and its parts.
const (
	parentTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	parentSpan  = "00f067aa0ba902b7"
)

func traceparent(flags string) harness.Header {
	return harness.Header{"Traceparent", "00-" + parentTrace + "-" + parentSpan + "-" + flags}
}

// TestTraceparentIsTakenFromTrustedProxies shows that a request continues the trace of a trusted
// proxy, sampled or not, and that a stranger's traceparent is nothing.
func TestTraceparentIsTakenFromTrustedProxies(t *testing.T) {
	t.Parallel()
	collector := startCollector(t)
	trusting := harness.Start(t, collector.env(harness.BehindProxy(harness.Env{
		"OTEL_SERVICE_NAME": "sessions", "OFFLOAD_LOG_LEVEL": "debug"})))
	trusting.Send(t, "GET", "/v1/health", "", traceparent("01"),
		harness.Header{"Tracestate", "vendor=state-of-a-client"})
	continued := collector.await(t, "the request", 1, of("GET /v1/health"))[0]
	assert.Equal(t, parentTrace, continued.trace)
	assert.Equal(t, parentSpan, continued.parent)
	assert.Equal(t, "sessions", collector.described()["service.name"])

	trusting.Send(t, "GET", harness.JWKSPath, "", traceparent("00"))
	trusting.Send(t, "GET", "/openapi.json", "", harness.Header{"Traceparent", "nonsense"})
	trusting.From(t, "127.0.0.2").Send(t, "GET", "/v1/health", "", traceparent("01"))
	own := collector.await(t, "the request of a stranger", 2, of("GET /v1/health"))[1]
	assert.NotEqual(t, parentTrace, own.trace)
	assert.Empty(t, own.parent)
	assert.Empty(t, collector.await(t, "the request with nonsense", 1, of("GET /openapi.json"))[0].parent)
	assert.Zero(t, trusting.Stop(t))
	collector.await(t, "nothing of the request that is not sampled", 0, of("GET "+harness.JWKSPath))
	unsampled := trusting.Log.AwaitLine(t, "the request that is not sampled", func(line harness.Line) bool {
		return line.String("route") == harness.JWKSPath
	})
	assert.Equal(t, parentTrace, unsampled.String("trace_id"))
	collector.assertNothingOf(t, "state-of-a-client")
}

// TestTraceparentCannotForceRecording floods a service that records nothing by itself with requests
// that ask to be recorded. Of each second a bounded number is.
func TestTraceparentCannotForceRecording(t *testing.T) {
	collector := startCollector(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
	t.Setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
	service := harness.Serve(t, harness.BehindProxy(nil)) // its clock stands still
	for range 300 {
		service.Send(t, "GET", "/v1/health", "", traceparent("01"))
	}
	service.Stop(t)
	collector.await(t, "the requests of a second", 100, of("GET /v1/health"))
}

// TestLostTracesAreReportedOnce shows that a collector that is gone, or refuses, costs one line.
func TestLostTracesAreReportedOnce(t *testing.T) {
	t.Parallel()
	collector := startCollector(t)
	collector.answer(http.StatusBadRequest)
	service := harness.Start(t, collector.env(nil))
	serve := func() {
		for range 3 {
			assert.Equal(t, http.StatusOK, service.Send(t, "GET", "/v1/health", "").Status)
		}
	}
	serve()
	lost := service.Log.Await(t, "traces_lost")
	assert.Equal(t, "WARN", lost.String("level"))
	assert.Equal(t, "the collector did not accept the spans", lost.String("cause"))
	collector.answer(http.StatusOK)
	harness.Poll(t, "spans are exported again", func() bool {
		serve()
		return len(service.Log.Of("traces_exported")) > 0
	})
	assert.Len(t, service.Log.Of("traces_lost"), 1)
	assert.GreaterOrEqual(t, service.Metric(t, `offload_trace_spans_lost_total{reason="refused"}`), 1.0)
	assert.Zero(t, service.Metric(t, "offload_traces_failing"))

	gone := harness.Start(t, harness.Env{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
		"OTEL_BSP_SCHEDULE_DELAY": "50", "OTEL_BSP_EXPORT_TIMEOUT": "500",
		"OTEL_BSP_MAX_QUEUE_SIZE": "10", "OTEL_EXPORTER_OTLP_HEADERS": credential})
	for range 100 {
		assert.Equal(t, http.StatusOK, gone.Send(t, "GET", "/v1/health", "").Status)
	}
	gone.Log.Await(t, "traces_lost")
	assert.Equal(t, 1.0, gone.Metric(t, "offload_traces_failing"))
	assert.GreaterOrEqual(t, gone.Metric(t, `offload_trace_spans_lost_total{reason="unreachable"}`), 1.0)
	assert.Zero(t, gone.Stop(t))
	assert.Len(t, gone.Log.Of("traces_lost"), 1)
	for _, line := range gone.Log.Lines() {
		assert.NotEmpty(t, line.Event(), "%s", line.Text)
	}
	assert.NotContains(t, gone.Log.Text(), credential)
}
