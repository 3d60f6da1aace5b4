package traces_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/pki"
)

// TestRedirectsAreNotFollowed has a collector redirect to another server. That one receives
// nothing, and so no credential either.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusMovedPermanently, http.StatusFound,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			var reached, asked atomic.Int64
			elsewhere := httptest.NewServer(http.HandlerFunc(
				func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
			t.Cleanup(elsewhere.Close)
			collector := httptest.NewServer(http.HandlerFunc(
				func(w http.ResponseWriter, r *http.Request) {
					assert.Equal(t, credential, r.Header.Get("X-Key"))
					asked.Add(1)
					http.Redirect(w, r, elsewhere.URL+r.URL.Path, status)
				}))
			t.Cleanup(collector.Close)
			service := harness.Start(t, harness.Env{"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL,
				"OTEL_BSP_SCHEDULE_DELAY": "50", "OTEL_EXPORTER_OTLP_HEADERS": "x-key=" + credential})
			service.Send(t, "GET", "/v1/health", "")
			assert.Equal(t, "the collector redirects, which is not followed",
				service.Log.Await(t, "traces_lost").String("cause"))
			assert.GreaterOrEqual(t,
				service.Metric(t, `offload_trace_spans_lost_total{reason="redirected"}`), 1.0)
			assert.Zero(t, service.Stop(t))
			assert.Zero(t, reached.Load())
			assert.Positive(t, asked.Load())
		})
	}
}

// TestExportUsesFilesForTLS exports over TLS with a client certificate, in requests that are
// compressed, to the path that the endpoint has.
func TestExportUsesFilesForTLS(t *testing.T) {
	t.Parallel()
	pair, own := pki.New(t, "127.0.0.1"), pki.New(t, "client")
	authority, _ := pair.Write(t, t.TempDir())
	chain, key := own.Write(t, t.TempDir())
	received := make(chan *http.Request, 1)
	collector := httptest.NewUnstartedServer(http.HandlerFunc(
		func(_ http.ResponseWriter, r *http.Request) {
			select {
			case received <- r:
			default: // the first is enough
			}
		}))
	collector.TLS = &tls.Config{Certificates: []tls.Certificate{*pair.TLS(t)},
		ClientAuth: tls.RequireAnyClientCert}
	collector.StartTLS()
	t.Cleanup(collector.Close)
	service := harness.Start(t, harness.Env{
		"OTEL_EXPORTER_OTLP_ENDPOINT":           collector.URL + "/base",
		"OTEL_EXPORTER_OTLP_CERTIFICATE":        authority,
		"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": chain, "OTEL_EXPORTER_OTLP_CLIENT_KEY": key,
		"OTEL_EXPORTER_OTLP_COMPRESSION": "GZIP", "OTEL_BSP_SCHEDULE_DELAY": "50"})
	service.Send(t, "GET", "/v1/health", "")
	request := harness.Receive(t, "an export over TLS", received)
	assert.Equal(t, "/base/v1/traces", request.URL.Path)
	assert.Equal(t, "gzip", request.Header.Get("Content-Encoding"))
	require.Len(t, request.TLS.PeerCertificates, 1)
	assert.Zero(t, service.Stop(t))
	assert.Empty(t, service.Log.Of("traces_lost"))
}

// TestMalformedVariablesAreWarnings shows that the check and the start name each of them, and show
// no value.
func TestMalformedVariablesAreWarnings(t *testing.T) {
	t.Parallel()
	env := harness.Env{
		"OTEL_EXPORTER_OTLP_ENDPOINT": credential + ":4318", "OTEL_EXPORTER_OTLP_HEADERS": credential,
		"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_CERTIFICATE": "/" + credential,
		"OTEL_TRACES_SAMPLER": credential, "OTEL_EXPORTER_OTLP_TIMEOUT": "10s",
		"OTEL_EXPORTER_OTLP_HEADER": credential}
	checked := harness.Run(t, env, "check", "--strict")
	assert.Equal(t, 2, checked.Status)
	service := harness.Start(t, env)
	assert.NotContains(t, service.Log.Await(t, "service_started").Fields, "traces")
	warned := map[string]int{}
	for _, line := range service.Log.Of("configuration_warning") {
		warned[line.String("variable")]++
		assert.NotEmpty(t, line.String("remedy"))
	}
	shown := service.Operations(t, "GET", "/console.json").Body
	assert.Zero(t, service.Stop(t))
	for variable := range env {
		assert.Contains(t, checked.Output, "warning: "+variable+" (environment)")
		assert.Equal(t, 1, warned[variable], variable)
		assert.Contains(t, shown, variable)
	}
	assert.NotContains(t, checked.Output+service.Log.Text()+shown, credential)
}

// TestTracesThatCannotBeStartedAreOneWarning has the SDK refuse what is well-formed.
func TestTracesThatCannotBeStartedAreOneWarning(t *testing.T) {
	t.Parallel()
	chain, _ := pki.New(t, "client").Write(t, t.TempDir())
	service := harness.Start(t, harness.Env{"OTEL_TRACES_EXPORTER": "otlp",
		"OTEL_EXPORTER_OTLP_INSECURE": "true", "OTEL_EXPORTER_OTLP_CERTIFICATE": chain})
	assert.NotContains(t, service.Log.Await(t, "service_started").Fields, "traces")
	var warned []string
	for _, line := range service.Log.Of("configuration_warning") {
		if variable := line.String("variable"); strings.HasPrefix(variable, "OTEL_") {
			warned = append(warned, variable)
		}
	}
	assert.Equal(t, []string{"OTEL_*"}, warned)
	assert.Zero(t, service.Stop(t))
}

// TestNoTracesUnlessAsked shows that without the variables, and with those that turn traces off,
// nothing is exported or logged of them.
func TestNoTracesUnlessAsked(t *testing.T) {
	t.Parallel()
	collector := startCollector(t)
	for name, env := range map[string]harness.Env{
		"no variables":    {"OTEL_SERVICE_NAME": "sessions"},
		"no exporter":     collector.env(harness.Env{"OTEL_TRACES_EXPORTER": "none"}),
		"NO exporter":     collector.env(harness.Env{"OTEL_TRACES_EXPORTER": "NONE"}),
		"turned off":      collector.env(harness.Env{"OTEL_SDK_DISABLED": "true"}),
		"an unknown one":  collector.env(harness.Env{"OTEL_TRACES_EXPORTER": "zipkin"}),
		"an unknown wire": collector.env(harness.Env{"OTEL_EXPORTER_OTLP_PROTOCOL": "carrier"}),
		"an unknown size": collector.env(harness.Env{"OTEL_BSP_MAX_QUEUE_SIZE": "-1"}),
		"an unknown wire, for traces": collector.env(harness.Env{
			"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			service := harness.Start(t, env.With(harness.Env{"OFFLOAD_LOG_LEVEL": "debug"}))
			assert.NotContains(t, service.Log.Await(t, "service_started").Fields, "traces")
			service.Send(t, "GET", "/v1/health", "", traceparent("01"))
			assert.Zero(t, service.Stop(t))
			warned := len(service.Log.Of("configuration_warning")) > 0 &&
				strings.Contains(fmt.Sprint(service.Log.Of("configuration_warning")), "OTEL_")
			assert.Equal(t, strings.HasPrefix(name, "an unknown"), warned, "%s", service.Log.Text())
		})
	}
	t.Cleanup(func() { assert.Empty(t, collector.received()) })
}
