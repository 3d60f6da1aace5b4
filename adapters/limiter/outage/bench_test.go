package outage_test

import (
	"context"
	"testing"
	"time"

	"github.com/offload/sessiond/adapters/limiter/outage"
	"github.com/offload/sessiond/adapters/system/clock"
	"github.com/offload/sessiond/adapters/system/entropy"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// BenchmarkOverhead has one memory storage decide in turns, by itself and as the shared storage
// behind the policy, and reports the second time as a multiple of the first: x-well. x-out is the
// same while the shared storage is out, when the local one decides.
func BenchmarkOverhead(b *testing.B) {
	const batch = 200
	clock := clock.New()
	bare := newMemory(b)
	parts := outage.Parts{
		Shared: bare, Local: bare, Policy: ports.OutageLocal, Timeout: time.Second, Clock: clock,
		Entropy: entropy.Source{}, Events: discard{},
	}
	healthy := outage.New(parts)
	failed := newServer(b)
	failed.setFault(failing)
	parts.Shared = failed
	out := outage.New(parts)
	out.Start(context.Background())
	defer out.Stop()
	number := 0
	took := map[string]time.Duration{}
	measure := func(name string, storage ports.LimiterStorage) {
		begun := clock.Instant()
		for range batch {
			number++
			checks := throttle.NewChecks(throttle.Check{
				Dimension: throttle.ByInstall,
				Subject:   throttle.Subject{byte(number >> 8), byte(number)}, Limit: limit,
				Window: window,
			})
			if _, err := storage.Decide(context.Background(), clock.Instant(), checks); err != nil {
				b.Fatal(err)
			}
		}
		took[name] += begun.Until(clock.Instant())
	}
	rounds := 0
	for b.Loop() {
		measure("bare", bare)
		measure("well", healthy)
		measure("out", out)
		rounds++
	}
	b.ReportMetric(float64(took["well"])/float64(took["bare"]), "x-well")
	b.ReportMetric(float64(took["out"])/float64(took["bare"]), "x-out")
	b.ReportMetric(float64(took["bare"].Nanoseconds())/float64(rounds*batch), "ns/bare")
	b.ReportMetric(float64(took["well"].Nanoseconds())/float64(rounds*batch), "ns/well")
	b.ReportMetric(float64(took["out"].Nanoseconds())/float64(rounds*batch), "ns/out")
}

// discard implements ports.Events and records nothing.
type discard struct{}

// Record implements ports.Events.
func (discard) Record(context.Context, ports.Event) {}
