package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// Counts is what a storage can tell of itself.
type Counts interface {
	// Subjects is how many subjects have a grant in their window at now.
	Subjects(now throttle.Instant) int
	// Forgotten is how many subjects were forgotten before their window was empty, since the start.
	Forgotten() uint64
}

// timed is a storage whose decisions are timed.
type timed struct {
	ports.LimiterStorage
	clock    ports.Clock
	duration prometheus.Observer
}

// Limiter times the decisions of a storage of that name, each name once, and shows its counts where it has any: counts may be nil. The names come
// from a fixed list.
func (m *Metrics) Limiter(name string, storage ports.LimiterStorage, counts Counts,
	clock ports.Clock) ports.LimiterStorage {
	if counts != nil {
		labels := prometheus.Labels{"storage": name}
		m.registry.MustRegister(
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "offload_limiter_subjects", Help: "Subjects with a grant in their window.",
				ConstLabels: labels,
			}, func() float64 { return float64(counts.Subjects(clock.Instant())) }),
			prometheus.NewCounterFunc(prometheus.CounterOpts{
				Name: "offload_limiter_forgotten_total", ConstLabels: labels,
				Help: "Subjects forgotten before their window was empty, for want of room: alert on any.",
			}, func() float64 { return float64(counts.Forgotten()) }))
	}
	return &timed{LimiterStorage: storage, clock: clock,
		duration: m.decisions.WithLabelValues(name)}
}

// Decide is ports.LimiterStorage's.
func (t *timed) Decide(ctx context.Context, now throttle.Instant,
	asks throttle.Checks) (throttle.Decision, error) {
	start := t.clock.Instant()
	decision, err := t.LimiterStorage.Decide(ctx, now, asks)
	t.duration.Observe(time.Duration(t.clock.Instant() - start).Seconds())
	return decision, err
}
