package watch

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// TestLongAlertsFireAndClear has a real Prometheus scrape replicas that work, then fail in every
// way that has an alert, and then work again. Every alert fires and clears. While they fail, every
// query of the dashboard returns data.
func TestLongAlertsFireAndClear(t *testing.T) {
	rules := alerts(t)
	fleet := startFleet(t)
	prometheus := startPrometheus(t, fleet.targets)
	harness.Poll(t, "every replica is scraped", func() bool {
		fleet.work(t)
		return prometheus.series(t, "up == 1") == len(fleet.targets)
	})
	var firing map[string][]alert
	calm := func() bool {
		firing = prometheus.firing(t)
		return len(firing) == 0
	}
	fleet.await(t, calm, func() string { return fmt.Sprintf("no alert fires at the start: %v", firing) })

	for _, one := range fleet.troubles {
		one.begin(t)
	}
	missing := maps.Clone(rules)
	fleet.await(t, func() bool {
		for name, all := range prometheus.firing(t) {
			delete(missing, name)
			for _, one := range all {
				assert.NotContains(t, one.Annotations["summary"], "<no value>", name)
				assert.NotContains(t, one.Annotations["summary"], "error", name)
			}
		}
		return len(missing) == 0
	}, func() string {
		return "these alerts fire: " + strings.Join(slices.Sorted(maps.Keys(missing)), ", ")
	})
	for _, panel := range panels(t) {
		for _, query := range panel.queries {
			fleet.await(t, func() bool { return prometheus.series(t, query) > 0 },
				func() string { return "the panel " + panel.title + " has data: " + query })
		}
	}

	for _, one := range fleet.troubles {
		one.end(t)
	}
	fleet.troubles = nil
	fleet.await(t, calm, func() string {
		return "these alerts clear: " + strings.Join(slices.Sorted(maps.Keys(firing)), ", ")
	})
}

// await has the clients of the fleet work until done, and fails the test when twice the harness's
// timeout has passed, with what it waited for: some alerts stay for three quarters of a minute.
func (f *fleet) await(t *testing.T, done func() bool, what func() string) {
	t.Helper()
	for deadline := time.Now().Add(2 * harness.Timeout); !done(); {
		require.True(t, time.Now().Before(deadline), "timed out waiting until %s", what())
		f.work(t)
		time.Sleep(100 * time.Millisecond)
	}
}
