package bootstrap

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx/fxtest"

	"github.com/offload/sessiond/adapters/events/trace"
	"github.com/offload/sessiond/bootstrap/config"
	"github.com/offload/sessiond/ports/portsfake"
)

// TestNoRecorderOfSpansWithoutATracer checks that requests do not pay for a recorder of spans if
// traces are asked for and cannot be exported.
func TestNoRecorderOfSpansWithoutATracer(t *testing.T) {
	clock := portsfake.NewClock(time.Time{})
	recorded := func() any {
		tracer, found := newTracer(config.Config{}, clock)
		lifecycle := fxtest.NewLifecycle(t)
		events := newEvents(lifecycle, nil, nil, nil, config.Config{}, tracer)
		lifecycle.RequireStart().RequireStop()
		if tracer == nil {
			require.Len(t, found, 1)
			assert.Contains(t, found[0].Problem, "there are no traces")
		}
		return events
	}
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	assert.Contains(t, recorded(), trace.Recorder{})
	t.Setenv("OTEL_TRACES_EXPORTER", "zipkin")
	assert.NotContains(t, recorded(), trace.Recorder{})
	t.Setenv("OTEL_TRACES_EXPORTER", "otlp")
	t.Setenv("OTEL_BSP_MAX_QUEUE_SIZE", "-1")
	assert.NotContains(t, recorded(), trace.Recorder{})
}
