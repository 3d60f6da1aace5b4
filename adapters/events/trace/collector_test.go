package trace_test

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/offload/sessiond/adapters/events/trace"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/ports/portsfake"
)

// fakeCollector is a collector that uses each of answers once, in order, and then reports success.
type fakeCollector struct {
	mu       sync.Mutex
	answers  []http.HandlerFunc
	requests []*http.Request
	names    []string // of the spans that it received with success
}

func (c *fakeCollector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, r)
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		body, _ = gzip.NewReader(r.Body)
	}
	text, _ := io.ReadAll(body)
	if len(c.answers) > 0 {
		answer := c.answers[0]
		c.answers = c.answers[1:]
		answer(w, r)
		return
	}
	var request collector.ExportTraceServiceRequest
	if proto.Unmarshal(text, &request) == nil {
		for _, resource := range request.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				for _, span := range scope.Spans {
					c.names = append(c.names, span.Name)
				}
			}
		}
	}
}

// export exports one span as the environment configures it, and returns the events.
func export(t *testing.T) []ports.Event {
	t.Helper()
	settings := trace.Read(os.Environ())
	require.True(t, settings.Usable())
	tracer, err := trace.Start(context.Background(), &settings, trace.Parts{Version: "1",
		Trusted: func(*http.Request) bool { return false },
		Clock:   portsfake.NewClock(time.Unix(1, 0))})
	require.NoError(t, err)
	events := &portsfake.Events{}
	tracer.Report(events)
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	tracer.End(tracer.Begin(context.Background(), request, "/route", http.MethodGet), http.StatusOK)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tracer.Stop(ctx)
	require.NoError(t, ctx.Err(), "the exporter did not stop within a minute")
	return events.Recorded()
}

// endpoint is the variable with the address of the collector.
const endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT"

// TestExportsAsVariablesConfigure checks the standard variables: one for traces takes precedence
// over one for all signals.
func TestExportsAsVariablesConfigure(t *testing.T) {
	for name, c := range map[string]struct {
		env  map[string]string // {url} stands for the address of the collector
		want func(t *testing.T, r *http.Request)
	}{
		"everything": {map[string]string{endpoint: "{url}/base/"},
			func(t *testing.T, r *http.Request) {
				assert.Equal(t, "/base/v1/traces", r.URL.Path)
				assert.Equal(t, "application/x-protobuf", r.Header.Get("Content-Type"))
				assert.Empty(t, r.Header.Get("Content-Encoding"))
			}},
		"traces": {map[string]string{endpoint: "http://127.0.0.1:1",
			"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "{url}/own"},
			func(t *testing.T, r *http.Request) { assert.Equal(t, "/own", r.URL.Path) }},
		"headers": {map[string]string{endpoint: "{url}",
			"OTEL_EXPORTER_OTLP_HEADERS": "x-a=1, x-b = two%2C%20three ,secret,=secret,x-c=%zz"},
			func(t *testing.T, r *http.Request) {
				assert.Equal(t, "1", r.Header.Get("X-A"))
				assert.Equal(t, "two, three", r.Header.Get("X-B"))
				assert.NotContains(t, fmt.Sprint(r.Header), "secret")
			}},
		"headers for traces": {map[string]string{endpoint: "{url}",
			"OTEL_EXPORTER_OTLP_HEADERS": "x-a=1", "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "x-b=2"},
			func(t *testing.T, r *http.Request) {
				assert.Empty(t, r.Header.Get("X-A"))
				assert.Equal(t, "2", r.Header.Get("X-B"))
			}},
		"gzip": {map[string]string{endpoint: "{url}", "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"},
			func(t *testing.T, r *http.Request) {
				assert.Equal(t, "gzip", r.Header.Get("Content-Encoding"))
			}},
	} {
		t.Run(name, func(t *testing.T) {
			received := &fakeCollector{}
			server := httptest.NewServer(received)
			t.Cleanup(server.Close)
			for name, value := range c.env {
				t.Setenv(name, strings.ReplaceAll(value, "{url}", server.URL))
			}
			assert.Empty(t, export(t))
			assert.Equal(t, []string{"GET /route"}, received.names)
			require.Len(t, received.requests, 1)
			c.want(t, received.requests[0])
		})
	}
}

// TestRetriesOrReportsLostSpans checks which answers lose the spans, and after which the exporter
// tries again.
func TestRetriesOrReportsLostSpans(t *testing.T) {
	answer := func(status int, body ...byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(status)
			_, _ = w.Write(body)
		}
	}
	partial := func(rejected int64) []byte {
		text, err := proto.Marshal(&collector.ExportTraceServiceResponse{
			PartialSuccess: &collector.ExportTracePartialSuccess{RejectedSpans: rejected,
				ErrorMessage: "why"}})
		require.NoError(t, err)
		return text
	}
	for name, c := range map[string]struct {
		answers  []http.HandlerFunc
		received bool
		lost     ports.SpanLoss
	}{
		"overloaded": {[]http.HandlerFunc{answer(http.StatusServiceUnavailable),
			answer(http.StatusTooManyRequests)}, true, ""},
		"refused":      {[]http.HandlerFunc{answer(http.StatusForbidden)}, false, ports.SpansRefused},
		"some refused": {[]http.HandlerFunc{answer(http.StatusOK, partial(1)...)}, false, ports.SpansRefused},
		"a hint":       {[]http.HandlerFunc{answer(http.StatusOK, partial(0)...)}, false, ""},
		"JSON":         {[]http.HandlerFunc{answer(http.StatusOK, []byte(`{"partialSuccess":{}}`)...)}, false, ""},
		"cut off":      {[]http.HandlerFunc{answer(http.StatusOK, partial(1)[:3]...)}, false, ""},
		"gone": {[]http.HandlerFunc{func(http.ResponseWriter, *http.Request) {
			panic(http.ErrAbortHandler)
		}}, false, ports.SpansRefused},
	} {
		t.Run(name, func(t *testing.T) {
			received := &fakeCollector{answers: c.answers}
			server := httptest.NewServer(received)
			t.Cleanup(server.Close)
			t.Setenv(endpoint, server.URL)
			recorded := export(t)
			assert.Equal(t, c.received, len(received.names) > 0)
			if c.lost == "" {
				assert.Empty(t, recorded)
				return
			}
			assert.Contains(t, recorded, ports.SpansLost{Count: 1, Reason: c.lost})
		})
	}
}
