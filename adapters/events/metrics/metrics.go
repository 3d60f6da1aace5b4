// Package metrics counts events, requests and decisions for Prometheus.
//
// Labels come from fixed lists and route patterns: no caller can make a new series. Every series of a fixed list is there from the start, at
// nought, so that a rate over it is never a gap. It imports domain, ports and the Prometheus client.
package metrics

import (
	"context"
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/offload/sessiond/domain/failure"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/domain/token"
	"github.com/offload/sessiond/ports"
)

// Bounds of histograms, in seconds: a request takes well below a millisecond in a healthy service.
var (
	requestBuckets = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25,
		.5, 1, 2.5, 5, 10}
	decisionBuckets = []float64{.000001, .0000025, .000005, .00001, .000025, .0001, .00025, .001,
		.0025, .005, .01, .025, .05, .1, .5, 1}
)

// Metrics is one registry with all that the service counts. It is a ports.Events, and what the HTTP adapters count by.
type Metrics struct {
	registry      *prometheus.Registry
	requests      *prometheus.CounterVec
	durations     *prometheus.HistogramVec
	inFlight      prometheus.Gauge
	issued        *prometheus.CounterVec
	throttled     *prometheus.CounterVec
	verifications *prometheus.CounterVec
	unreloaded    prometheus.Counter
	strangers     prometheus.Counter
	decisions     *prometheus.HistogramVec
	outage        *prometheus.GaugeVec
	byPolicy      *prometheus.CounterVec
}

// New makes a registry of its own, nothing global, for a build of that version.
func New(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "offload_http_requests_total",
			Help: "Requests answered, by route pattern, method and status.",
		}, []string{"route", "method", "status"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "offload_http_request_duration_seconds",
			Help:    "How long requests took, from the headers' end to the answer's.",
			Buckets: requestBuckets,
		}, []string{"route", "method", "status"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "offload_http_requests_in_flight", Help: "Requests under way.",
		}),
		issued: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "offload_sessions_issued_total", Help: "Sessions given, new and renewed.",
		}, []string{"kind"}),
		throttled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "offload_session_throttled_total",
			Help: "Requests over a limit; under observe they were served all the same.",
		}, []string{"dimension", "mode"}),
		verifications: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "offload_token_verifications_total",
			Help: "Tokens judged on protected paths, and why they were rejected.",
		}, []string{"outcome", "reason"}),
		unreloaded: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "offload_keys_reload_failures_total",
			Help: "Keysets that did not take force; each fault is counted once while it lasts.",
		}),
		strangers: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "offload_forwarded_by_stranger_total",
			Help: "Requests with forwarding headers from a peer in a private range while no proxy is trusted: a forgotten proxy, most likely.",
		}),
		decisions: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "offload_limiter_decision_duration_seconds", Help: "How long decisions took.",
			Buckets: decisionBuckets,
		}, []string{"storage"}),
		outage: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "offload_limiter_outage",
			Help: "1 while the shared limiter storage is out and this policy decides: alert on it.",
		}, []string{"policy"}),
		byPolicy: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "offload_limiter_outage_decisions_total",
			Help: "Decisions that the policy made in the shared limiter storage's stead.",
		}, []string{"policy"}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "offload_build_info", Help: "Always 1; the labels tell the build.",
		ConstLabels: prometheus.Labels{"version": version, "go_version": runtime.Version()},
	})
	build.Set(1)
	m.registry.MustRegister(m.requests, m.durations, m.inFlight, m.issued, m.throttled,
		m.verifications, m.unreloaded, m.strangers,
		m.decisions, m.outage, m.byPolicy, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(
			collectors.ProcessCollectorOpts{}))
	m.fromTheStart()
	return m
}

// fromTheStart makes every series of a fixed list.
func (m *Metrics) fromTheStart() {
	for _, kind := range []string{kindNew, kindRenewed} {
		m.issued.WithLabelValues(kind)
	}
	for _, dimension := range throttle.Dimensions() {
		for _, mode := range []ports.ThrottleMode{ports.Enforce, ports.Observe} {
			m.throttled.WithLabelValues(dimension.String(), string(mode))
		}
	}
	for _, policy := range ports.OutagePolicies() {
		m.outage.WithLabelValues(string(policy))
		m.byPolicy.WithLabelValues(string(policy))
	}
	m.verifications.WithLabelValues(outcomeOf(""), "")
	for _, reason := range token.Reasons() {
		m.verifications.WithLabelValues(outcomeOf(reason), string(reason))
	}
}

// The values of kind.
const (
	kindNew     = "new"
	kindRenewed = "renewed"
)

// Record is ports.Events'.
func (m *Metrics) Record(_ context.Context, event ports.Event) {
	switch e := event.(type) {
	case ports.SessionIssued:
		kind := kindNew
		if e.Renewed {
			kind = kindRenewed
		}
		m.issued.WithLabelValues(kind).Inc()
	case ports.IssuanceThrottled:
		m.throttled.WithLabelValues(e.Dimension.String(), string(e.Mode)).Inc()
	case ports.TokenVerified:
		m.verifications.WithLabelValues(outcomeOf(e.Reason), string(e.Reason)).Inc()
	case ports.KeysReloadFailed:
		m.unreloaded.Inc()
	case ports.KeysReloaded, ports.KeysWatchFailed, ports.SignerMissing, ports.SignerFound:
		// The keys themselves are shown by their states; a watch that fails is told in the log.
	case ports.ForwardedByStranger:
		m.strangers.Inc()
	case ports.LimiterOutageStarted:
		m.outage.WithLabelValues(string(e.Policy)).Set(1)
	case ports.LimiterOutageEnded:
		m.outage.WithLabelValues(string(e.Policy)).Set(0)
	case ports.LimiterOutageDecision:
		m.byPolicy.WithLabelValues(string(e.Policy)).Inc()
	}
}

// outcomeOf is the outcome that a reason comes to; no reason is a valid token.
func outcomeOf(reason token.Reason) string {
	if reason == "" {
		return "valid"
	}
	rejection := &token.Rejection{Reason: reason}
	switch rejection.FailureKind() { //nolint:exhaustive // a rejection has three kinds
	case failure.Unauthorized:
		return "missing"
	case failure.ExpiredToken:
		return "expired"
	default:
		return "invalid"
	}
}

// Began counts a request that is under way.
func (m *Metrics) Began() { m.inFlight.Inc() }

// Answered counts a request that was answered. Route is a pattern and method one of a fixed list: the caller sees to both.
func (m *Metrics) Answered(route, method string, status int, took time.Duration) {
	m.inFlight.Dec()
	code := strconv.Itoa(status)
	m.requests.WithLabelValues(route, method, code).Inc()
	m.durations.WithLabelValues(route, method, code).Observe(took.Seconds())
}

// Keys shows how many keys are in each state, looked up at each scrape.
func (m *Metrics) Keys(source ports.KeySource, clock ports.Clock) {
	for _, state := range keys.States() {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "offload_keys", Help: "Keys by what they may do now.",
			ConstLabels: prometheus.Labels{"state": state.String()},
		}, func() float64 {
			ring, now, count := source.Keyring(), clock.Now(), 0
			for _, key := range ring.Keys() {
				if ring.StateAt(key, now) == state {
					count++
				}
			}
			return float64(count)
		}))
	}
}

// Handler serves the registry as Prometheus text.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
