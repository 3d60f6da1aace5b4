package metrics

import (
	"net/http"
	"strconv"
	"time"
)

// ConnectionOpened counts a connection that is open.
func (m *Metrics) ConnectionOpened() { m.connections.Inc() }

// ConnectionClosed counts a connection that is no longer open.
func (m *Metrics) ConnectionClosed() { m.connections.Dec() }

// Began counts a request that is in progress.
func (m *Metrics) Began() { m.inFlight.Inc() }

// Serves creates the series of successful and of failed requests to a route, at zero, for the
// methods that the route allows: a rate over a series that begins with the first failure would miss
// that failure. route and methods must satisfy what Answered requires.
func (m *Metrics) Serves(route string, methods ...string) {
	for _, method := range methods {
		for _, status := range createdStatuses {
			m.requests.WithLabelValues(route, method, strconv.Itoa(status))
		}
	}
}

// createdStatuses lists the statuses of the series that exist from the start: that of success, and
// those of the kinds of package failure for which the service is responsible.
var createdStatuses = []int{http.StatusOK, http.StatusInternalServerError,
	http.StatusServiceUnavailable}

// Answered counts a request that Began counted and that was answered with status after took. route
// must be a pattern and method one of a fixed list, so that the number of series is bounded.
func (m *Metrics) Answered(route, method string, status int, took time.Duration) {
	m.inFlight.Dec()
	series := m.answered.of(answered{route, method, status})
	series.requests.Inc()
	series.durations.Observe(took.Seconds())
}
