// Package metrics counts events, requests and decisions for Prometheus.
//
// Labels come from fixed lists and route patterns, so that no client can create a series. A series
// of a fixed list exists from the start, at zero, so that a rate over it does not miss the first
// event. The package imports domain, ports and the Prometheus client.
package metrics

import (
	"context"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/offload/sessiond/domain/failure"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/proof"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/domain/token"
	"github.com/offload/sessiond/ports"
)

// The upper bounds of the histogram buckets, in seconds. The lowest ones are small because a
// request takes well below a millisecond in a healthy service.
var (
	requestBuckets = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25,
		.5, 1, 2.5, 5, 10}
	decisionBuckets = []float64{.000001, .0000025, .000005, .00001, .000025, .0001, .00025, .001,
		.0025, .005, .01, .025, .05, .1, .5, 1}
)

// Metrics is a registry with all metrics of the service. It implements ports.Events, and the HTTP
// adapters count requests with it. It is safe for concurrent use.
type Metrics struct {
	registry            *prometheus.Registry
	requests            *prometheus.CounterVec
	durations           *prometheus.HistogramVec
	inFlight            prometheus.Gauge
	connections         prometheus.Gauge
	shed                *prometheus.CounterVec
	issued              *prometheus.CounterVec
	throttled           *prometheus.CounterVec
	verifications       *prometheus.CounterVec
	proofs              *prometheus.CounterVec
	thumbprintIDs       prometheus.Counter
	reloadFailures      map[ports.Material]prometheus.Counter
	reloadFailing       map[ports.Material]prometheus.Gauge
	forwardedByStranger prometheus.Counter
	decisions           *prometheus.HistogramVec
	outage              *prometheus.GaugeVec
	policyDecisions     *prometheus.CounterVec
	spansLost           *prometheus.CounterVec
	tracesFailing       prometheus.Gauge

	// The caches of series that requests count in.
	answered *seriesCache[answered, requestSeries]
	verified *seriesCache[token.Reason, prometheus.Counter]
	judged   *seriesCache[proof.Reason, prometheus.Counter]
	granted  *seriesCache[bool, prometheus.Counter] // by whether the session was renewed
	refused  *seriesCache[overLimit, prometheus.Counter]
}

// New returns the metrics of the build version, in a registry of their own.
func New(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "offload_http_requests_total",
			Help: "Requests answered, by route pattern, method and status.",
		}, []string{"route", "method", "status"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "offload_http_request_duration_seconds",
			Help:    "Time from the end of the request headers to the end of the response.",
			Buckets: requestBuckets,
		}, []string{"route", "method", "status"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "offload_http_requests_in_flight", Help: "Requests in progress.",
		}),
		connections: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "offload_http_connections", Help: "Open connections of the public listener.",
		}),
		shed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "offload_http_shed_total",
			Help: "Requests and connections refused or closed because a resource budget was reached.",
		}, []string{"budget"}),
		issued: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "offload_sessions_issued_total", Help: "Sessions issued, new and renewed.",
		}, []string{"kind"}),
		throttled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "offload_session_throttled_total",
			Help: "Requests over a limit; in observe mode they were served nevertheless.",
		}, []string{"dimension", "mode"}),
		verifications: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "offload_token_verifications_total",
			Help: "Tokens verified on protected paths, by outcome and reason of rejection.",
		}, []string{"outcome", "reason"}),
		proofs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "offload_proofs_total",
			Help: "Proofs of device keys judged, by reason of rejection; an accepted one has none.",
		}, []string{"reason"}),
		thumbprintIDs: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "offload_thumbprint_ids_total",
			Help: "New sessions for install ids in the form of a thumbprint of a device key, which " +
				"would need a proof if sessions could be bound to keys; counted while they cannot.",
		}),
		reloadFailures: map[ports.Material]prometheus.Counter{},
		reloadFailing:  map[ports.Material]prometheus.Gauge{},
		forwardedByStranger: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "offload_forwarded_by_stranger_total",
			Help: "Requests with forwarding headers from a peer in a private range while no " +
				"proxy is trusted: most likely a proxy that is missing in the configuration.",
		}),
		decisions: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "offload_limiter_decision_duration_seconds",
			Help:    "Time that limiter decisions took.",
			Buckets: decisionBuckets,
		}, []string{"storage"}),
		outage: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "offload_limiter_outage",
			Help: "1 while the shared limiter storage is out and this policy decides: alert on it.",
		}, []string{"policy"}),
		policyDecisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "offload_limiter_outage_decisions_total",
			Help: "Decisions that the policy made in place of the shared limiter storage.",
		}, []string{"policy"}),
		spansLost: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "offload_trace_spans_lost_total",
			Help: "Spans that the collector of traces did not take, by reason.",
		}, []string{"reason"}),
		tracesFailing: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "offload_traces_failing",
			Help: "1 while the collector of traces does not take spans: alert on it.",
		}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "offload_build_info", Help: "Always 1; the labels identify the build.",
		ConstLabels: prometheus.Labels{"version": version, "go_version": runtime.Version()},
	})
	build.Set(1)
	m.registry.MustRegister(m.requests, m.durations, m.inFlight, m.connections, m.shed,
		m.issued, m.throttled, m.verifications, m.proofs, m.thumbprintIDs, m.forwardedByStranger,
		m.decisions, m.outage, m.policyDecisions, m.spansLost, m.tracesFailing, build,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, material := range ports.Materials() {
		m.reloadFailures[material] = prometheus.NewCounter(prometheus.CounterOpts{
			Name: "offload_" + string(material) + "_reload_failures_total",
			Help: "Changed files that did not come into force; each fault counts once while it " +
				"lasts.",
		})
		m.reloadFailing[material] = prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "offload_" + string(material) + "_reload_failing",
			Help: "1 while changed files are not in force because they are invalid: alert on it.",
		})
		m.registry.MustRegister(m.reloadFailures[material], m.reloadFailing[material])
	}
	m.createSeries()
	m.answered = newSeriesCache(m.findRequest)
	m.verified = newSeriesCache(func(reason token.Reason) prometheus.Counter {
		return m.verifications.WithLabelValues(outcomeOf(reason), string(reason))
	})
	m.judged = newSeriesCache(func(reason proof.Reason) prometheus.Counter {
		return m.proofs.WithLabelValues(string(reason))
	})
	m.granted = newSeriesCache(func(renewed bool) prometheus.Counter {
		if renewed {
			return m.issued.WithLabelValues(kindRenewed)
		}
		return m.issued.WithLabelValues(kindNew)
	})
	m.refused = newSeriesCache(func(over overLimit) prometheus.Counter {
		return m.throttled.WithLabelValues(over.dimension.String(), over.mode.String())
	})
	return m
}

// createSeries creates every series of a fixed list, at zero.
func (m *Metrics) createSeries() {
	for _, kind := range []string{kindNew, kindRenewed} {
		m.issued.WithLabelValues(kind)
	}
	for _, dimension := range throttle.Dimensions() {
		for _, mode := range ports.ThrottleModes() {
			m.throttled.WithLabelValues(dimension.String(), mode.String())
		}
	}
	for _, budget := range ports.Budgets() {
		m.shed.WithLabelValues(string(budget))
	}
	for _, policy := range ports.OutagePolicies() {
		m.outage.WithLabelValues(policy.String())
		m.policyDecisions.WithLabelValues(policy.String())
	}
	for _, reason := range ports.SpanLosses() {
		m.spansLost.WithLabelValues(string(reason))
	}
	m.verifications.WithLabelValues(outcomeOf(""), "")
	m.proofs.WithLabelValues("")
	for _, reason := range proof.Reasons() {
		m.proofs.WithLabelValues(string(reason))
	}
	for _, reason := range token.Reasons() {
		m.verifications.WithLabelValues(outcomeOf(reason), string(reason))
	}
}

// The values of the kind label.
const (
	kindNew     = "new"
	kindRenewed = "renewed"
)

// Record implements ports.Events.
func (m *Metrics) Record(_ context.Context, event ports.Event) {
	switch e := event.(type) {
	case ports.SessionIssued:
		m.granted.of(e.Renewed).Inc()
		if e.ThumbprintID {
			m.thumbprintIDs.Inc()
		}
	case ports.IssuanceThrottled:
		m.refused.of(overLimit{e.Dimension, e.Mode}).Inc()
	case ports.TokenVerified:
		m.verified.of(e.Reason).Inc()
	case ports.ProofJudged:
		m.judged.of(e.Reason).Inc()
	case ports.ReloadFailed:
		m.reloadFailures[e.Material].Inc()
		m.reloadFailing[e.Material].Set(1)
	case ports.Reloaded:
		m.reloadFailing[e.Content.Material()].Set(0)
	case ports.WatchFailed, ports.KeysEndEarly, ports.SignerMissing,
		ports.SignerFound:
		// Keys computes the state of the keys at each scrape; a failing watch is logged.
	case ports.LimiterMisconfigured, ports.LimiterRepaired, ports.TraceFull: // logged
	case ports.SpansLost:
		m.spansLost.WithLabelValues(string(e.Reason)).Add(float64(e.Count))
	case ports.TracesLost:
		m.tracesFailing.Set(1)
	case ports.TracesExported:
		m.tracesFailing.Set(0)
	case ports.CORSRefused, ports.ConsoleRefused: // logged; responses are counted by status
	case ports.ForwardedByStranger:
		m.forwardedByStranger.Inc()
	case ports.RequestsShed:
		m.shed.WithLabelValues(string(e.Budget)).Inc()
	case ports.LimiterOutageStarted:
		m.outage.WithLabelValues(e.Policy.String()).Set(1)
	case ports.LimiterOutageEnded:
		m.outage.WithLabelValues(e.Policy.String()).Set(0)
	case ports.ConnectionRefused:
		m.shed.WithLabelValues(string(e.Budget)).Inc()
	case ports.LimiterOutageDecision:
		m.policyDecisions.WithLabelValues(e.Policy.String()).Inc()
	}
}

// outcomeOf returns the value of the outcome label for a reason; an empty reason is that of a valid
// token.
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

// Keys registers gauges that compute at each scrape how many keys of source are in each state, when
// a state changes next, and until when a key signs. It panics if it is called again.
func (m *Metrics) Keys(source ports.KeySource, clock ports.Clock) {
	for _, state := range keys.States() {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "offload_keys", Help: "Keys by their current state.",
			ConstLabels: prometheus.Labels{"state": state.String()},
		}, func() float64 {
			keyring, now, count := source.Keyring(), clock.Now(), 0
			for _, key := range keyring.Keys() {
				if keyring.StateAt(key, now) == state {
					count++
				}
			}
			return float64(count)
		}))
	}
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "offload_keys_next_change_timestamp_seconds",
		Help: "When a key changes its state next; 0 if no change is scheduled.",
	}, func() float64 {
		if at, ok := source.Keyring().NextChange(clock.Now()); ok {
			return float64(at.UnixMilli()) / 1000
		}
		return 0
	}))
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "offload_keys_signing_until_timestamp_seconds",
		Help: "From when on no key signs, by the plans in force; 0 if a key always will. Before " +
			"now: no key signs at present. Alert some days before.",
	}, func() float64 {
		if gap, ok := source.Keyring().SigningGap(clock.Now()); ok {
			return float64(gap.From.UnixMilli()) / 1000
		}
		return 0
	}))
}

// Certificate registers a gauge of the end of the certificate in force, which ends returns at each
// scrape. It panics if it is called again.
func (m *Metrics) Certificate(ends func() time.Time) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "offload_tls_certificate_not_after_timestamp_seconds",
		Help: "The last time at which the certificate in force is valid, in Unix time: alert " +
			"some days before.",
	}, func() float64 { return float64(ends().Unix()) }))
}

// DroppedLines registers a counter of the log lines that were dropped, which count returns at each
// scrape. It panics if it is called again.
func (m *Metrics) DroppedLines(count func() int64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "offload_log_lines_dropped_total",
		Help: "Log lines that were lost because the reader of standard error is too slow or gone.",
	}, func() float64 { return float64(count()) }))
}

// Handler returns a handler that serves the registry in the Prometheus text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
