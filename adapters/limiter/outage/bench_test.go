package outage_test

import (
	"context"
	"testing"
	"time"

	"github.com/offload/sessiond/adapters/limiter/outage"
	"github.com/offload/sessiond/adapters/system"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// BenchmarkOverhead has one memory storage decide in turns, by itself and as the shared one behind the policy, and tells the second as a multiple
// of the first: x-well. x-out is the same while the shared storage is out, when the local one decides.
func BenchmarkOverhead(b *testing.B) {
	const batch = 200
	clock := system.NewClock()
	bare := newMemory(b)
	parts := outage.Parts{
		Shared: bare, Local: bare, Policy: ports.OutageLocal, Timeout: time.Second, Clock: clock,
		Entropy: system.Entropy{}, Events: silent{},
	}
	well := outage.New(parts)
	gone := newServer(b)
	gone.is(failing)
	parts.Shared = gone
	out := outage.New(parts)
	out.Start(context.Background())
	defer out.Stop()
	number := 0
	took := map[string]time.Duration{}
	measure := func(name string, storage ports.LimiterStorage) {
		begun := clock.Instant()
		for range batch {
			number++
			asks := throttle.NewChecks(throttle.Check{
				Dimension: throttle.ByInstall,
				Subject:   throttle.Subject{byte(number >> 8), byte(number)}, Limit: limit,
				Window: window,
			})
			if _, err := storage.Decide(context.Background(), clock.Instant(), asks); err != nil {
				b.Fatal(err)
			}
		}
		took[name] += begun.Until(clock.Instant())
	}
	rounds := 0
	for b.Loop() {
		measure("bare", bare)
		measure("well", well)
		measure("out", out)
		rounds++
	}
	b.ReportMetric(float64(took["well"])/float64(took["bare"]), "x-well")
	b.ReportMetric(float64(took["out"])/float64(took["bare"]), "x-out")
	b.ReportMetric(float64(took["bare"].Nanoseconds())/float64(rounds*batch), "ns/bare")
	b.ReportMetric(float64(took["well"].Nanoseconds())/float64(rounds*batch), "ns/well")
	b.ReportMetric(float64(took["out"].Nanoseconds())/float64(rounds*batch), "ns/out")
}

// silent is a ports.Events that hears nothing.
type silent struct{}

// Record is ports.Events'.
func (silent) Record(context.Context, ports.Event) {}
