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

// kept finds the series of a few values without hashing label values and taking locks each time.
// The values come from fixed lists, as those of labels do, so it is bounded. Finding takes no lock.
type kept[K comparable, S any] struct {
	find func(K) S

	adding sync.Mutex
	known  atomic.Pointer[map[K]S] // replaced as a whole
}

func newKept[K comparable, S any](find func(K) S) *kept[K, S] {
	k := &kept[K, S]{find: find}
	k.known.Store(&map[K]S{})
	return k
}

// of returns the series of a value.
func (k *kept[K, S]) of(value K) S {
	if series, found := (*k.known.Load())[value]; found {
		return series
	}
	k.adding.Lock()
	defer k.adding.Unlock()
	after := maps.Clone(*k.known.Load())
	series := k.find(value)
	after[value] = series
	k.known.Store(&after)
	return series
}

// answered identifies the series of requests that were answered.
type answered struct {
	route, method string
	status        int
}

// overLimit identifies the series of requests that were over a limit.
type overLimit struct {
	dimension throttle.Dimension
	mode      ports.ThrottleMode
}

// requestSeries are the series that an answered request counts in.
type requestSeries struct {
	requests  prometheus.Counter
	durations prometheus.Observer
}

func (m *Metrics) findRequest(a answered) requestSeries {
	status := strconv.Itoa(a.status)
	return requestSeries{m.requests.WithLabelValues(a.route, a.method, status),
		m.durations.WithLabelValues(a.route, a.method, status)}
}
