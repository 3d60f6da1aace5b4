package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// Counts is implemented by storages that count their subjects.
type Counts interface {
	// Subjects returns how many subjects have a grant in their window at now.
	Subjects(now throttle.Instant) int
	// Forgotten returns how many subjects were forgotten before their window was empty, since the
	// process started.
	Forgotten() uint64
}

// timed wraps a storage and times its decisions.
type timed struct {
	ports.LimiterStorage
	clock    ports.Clock
	duration prometheus.Observer
}

// Limiter returns storage with its decisions timed under its kind, and registers its counts unless
// counts is nil. It panics if counts of the same kind are registered already.
func (m *Metrics) Limiter(kind ports.StorageKind, storage ports.LimiterStorage, counts Counts,
	clock ports.Clock) ports.LimiterStorage {
	if counts != nil {
		labels := prometheus.Labels{"storage": kind.String()}
		m.registry.MustRegister(
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "offload_limiter_subjects", Help: "Subjects with a grant in their window.",
				ConstLabels: labels,
			}, func() float64 { return float64(counts.Subjects(clock.Instant())) }),
			prometheus.NewCounterFunc(prometheus.CounterOpts{
				Name: "offload_limiter_forgotten_total", ConstLabels: labels,
				Help: "Subjects forgotten before their window was empty because the storage " +
					"was full: alert on any.",
			}, func() float64 { return float64(counts.Forgotten()) }))
	}
	return &timed{LimiterStorage: storage, clock: clock,
		duration: m.decisions.WithLabelValues(kind.String())}
}

// Decide implements ports.LimiterStorage.
func (t *timed) Decide(ctx context.Context, now throttle.Instant,
	checks throttle.Checks) (throttle.Decision, error) {
	start := t.clock.Instant()
	decision, err := t.LimiterStorage.Decide(ctx, now, checks)
	t.duration.Observe(time.Duration(t.clock.Instant() - start).Seconds())
	return decision, err
}
