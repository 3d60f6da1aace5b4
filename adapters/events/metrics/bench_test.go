package metrics_test

import (
	"context"
	"testing"
	"time"

	"github.com/offload/sessiond/adapters/events/metrics"
	"github.com/offload/sessiond/ports"
)

// BenchmarkRequest measures what counting one request and the verification of its token costs.
func BenchmarkRequest(b *testing.B) {
	m := metrics.New("test")
	b.ReportAllocs()
	for b.Loop() {
		m.Began()
		m.Record(context.Background(), ports.TokenVerified{})
		m.Answered("/v1/sessions/current", "GET", 200, time.Microsecond)
	}
}
