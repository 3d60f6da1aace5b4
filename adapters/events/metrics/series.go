package metrics

import (
	"maps"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// seriesCache maps values to their series. It spares the hashing and the locks with which a vector
// of the Prometheus client finds a series by its labels: a hit takes no lock. The values come from
// fixed lists, like those of the labels, so the cache is bounded.
type seriesCache[K comparable, S any] struct {
	find func(K) S

	adding sync.Mutex
	series atomic.Pointer[map[K]S] // copied on write
}

// newSeriesCache returns an empty cache. find returns the series of a value from a vector.
func newSeriesCache[K comparable, S any](find func(K) S) *seriesCache[K, S] {
	c := &seriesCache[K, S]{find: find}
	c.series.Store(&map[K]S{})
	return c
}

// of returns the series of value. It is safe for concurrent use.
func (c *seriesCache[K, S]) of(value K) S {
	if series, found := (*c.series.Load())[value]; found {
		return series
	}
	c.adding.Lock()
	defer c.adding.Unlock()
	after := maps.Clone(*c.series.Load())
	series := c.find(value)
	after[value] = series
	c.series.Store(&after)
	return series
}

// answered identifies the series of requests that were answered. route is a pattern.
type answered struct {
	route, method string
	status        int
}

// overLimit identifies the series of requests that were over a limit.
type overLimit struct {
	dimension throttle.Dimension
	mode      ports.ThrottleMode
}

// requestSeries holds the series in which an answered request is counted.
type requestSeries struct {
	requests  prometheus.Counter
	durations prometheus.Observer
}

// findRequest returns the series of an answered request from the vectors.
func (m *Metrics) findRequest(a answered) requestSeries {
	status := strconv.Itoa(a.status)
	return requestSeries{m.requests.WithLabelValues(a.route, a.method, status),
		m.durations.WithLabelValues(a.route, a.method, status)}
}
