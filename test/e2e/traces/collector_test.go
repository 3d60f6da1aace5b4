package traces_test

import (
	"compress/gzip"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/offload/sessiond/test/harness"
)

// span is a span that the stand-in received.
type span struct {
	trace, id, parent, name string
	kind                    tracepb.Span_SpanKind
	failed                  bool
	attributes              map[string]string
}

// standIn is a collector that keeps what it receives.
type standIn struct {
	*httptest.Server
	mu       sync.Mutex
	spans    []span
	resource map[string]string
	raw      [][]byte
	status   int
}

func startCollector(t *testing.T) *standIn {
	t.Helper()
	c := &standIn{status: http.StatusOK}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.status != http.StatusOK {
			w.WriteHeader(c.status)
			return
		}
		assert.Equal(t, "/v1/traces", r.URL.Path)
		assert.Equal(t, "application/x-protobuf", r.Header.Get("Content-Type"))
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			unzipped, err := gzip.NewReader(r.Body)
			if !assert.NoError(t, err) {
				return
			}
			body = unzipped
		}
		text, err := io.ReadAll(body)
		assert.NoError(t, err)
		var request collector.ExportTraceServiceRequest
		assert.NoError(t, proto.Unmarshal(text, &request))
		c.raw = append(c.raw, text)
		for _, of := range request.ResourceSpans {
			c.resource = attributes(of.Resource.Attributes)
			for _, scope := range of.ScopeSpans {
				for _, one := range scope.Spans {
					c.spans = append(c.spans, span{
						trace: hex.EncodeToString(one.TraceId), id: hex.EncodeToString(one.SpanId),
						parent: hex.EncodeToString(one.ParentSpanId), name: one.Name, kind: one.Kind,
						failed:     one.Status.GetCode() == tracepb.Status_STATUS_CODE_ERROR,
						attributes: attributes(one.Attributes)})
				}
			}
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(c.Close)
	return c
}

func attributes(list []*common.KeyValue) map[string]string {
	found := map[string]string{}
	for _, one := range list {
		found[one.Key] = one.Value.GetStringValue()
		switch value := one.Value.Value.(type) {
		case *common.AnyValue_IntValue:
			found[one.Key] = http.StatusText(int(value.IntValue))
		case *common.AnyValue_BoolValue:
			found[one.Key] = map[bool]string{true: "true", false: "false"}[value.BoolValue]
		}
	}
	return found
}

// answer makes the collector answer with a status from now on.
func (c *standIn) answer(status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status = status
}

// received returns the spans so far.
func (c *standIn) received() []span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]span(nil), c.spans...)
}

// described returns the resource of the spans that were received last.
func (c *standIn) described() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.resource
}

// assertNothingOf fails if what was received contains one of the texts.
func (c *standIn) assertNothingOf(t *testing.T, texts ...string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, raw := range c.raw {
		for _, text := range texts {
			assert.NotContains(t, string(raw), text)
		}
	}
}

// await waits until so many spans were received that match, and returns them.
func (c *standIn) await(t *testing.T, what string, count int, matches func(span) bool) []span {
	t.Helper()
	var found []span
	harness.Poll(t, "the collector received "+what, func() bool {
		found = nil
		for _, one := range c.received() {
			if matches(one) {
				found = append(found, one)
			}
		}
		return len(found) >= count
	})
	require.Len(t, found, count, what)
	return found
}

// env returns the standard variables that lead to the collector, and more.
func (c *standIn) env(more harness.Env) harness.Env {
	return harness.Env{"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL, "OTEL_BSP_SCHEDULE_DELAY": "50",
		"OTEL_EXPORTER_OTLP_HEADERS": "x-key=" + credential}.With(more)
}

// credential is what a collector might want, and must not be logged.
const credential = "the-credential-of-a-collector"
