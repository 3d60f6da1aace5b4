package traces_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/events/trace"
	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/adapters/system/clock"
	"github.com/offload/sessiond/ports/portsfake"
	"github.com/offload/sessiond/test/harness"
)

// BenchmarkTraces serves the cheapest request of a route without traces, with traces of which none
// is sampled, and with each sampled and a collector that is gone.
func BenchmarkTraces(b *testing.B) {
	for _, c := range []struct{ name, sampler string }{
		{"off", ""}, {"unsampled", "always_off"}, {"sampled", "always_on"},
	} {
		b.Run(c.name, func(b *testing.B) {
			router, is := harness.Handler(b).(*server.Router)
			require.True(b, is)
			if c.sampler != "" {
				b.Setenv("OTEL_TRACES_SAMPLER", c.sampler)
				b.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
				settings := trace.Read(os.Environ())
				require.Empty(b, settings.Findings())
				tracer, err := trace.Start(context.Background(), &settings, trace.Parts{
					Version: "bench", Trusted: func(*http.Request) bool { return true },
					Clock: clock.New()})
				require.NoError(b, err)
				tracer.Report(&portsfake.Events{})
				b.Cleanup(func() {
					ctx, cancel := context.WithTimeout(context.Background(), time.Second)
					defer cancel()
					tracer.Stop(ctx)
				})
				router = router.Traced(tracer)
			}
			harness.Benchmark(b, router, http.StatusOK, func(int) *http.Request {
				r := httptest.NewRequest(http.MethodGet, "/v1/health", nil)
				r.Header.Set("Traceparent", traceparent("01")[1])
				return r
			})
		})
	}
}
