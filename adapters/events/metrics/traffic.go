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

// Serves creates the series of the requests to a route that were answered or that failed, at zero,
// for the methods that it allows: a rate over a series that begins with the first failure would
// miss that one. The caller ensures what Answered requires.
func (m *Metrics) Serves(route string, methods ...string) {
	for _, method := range methods {
		for _, status := range createdStatuses {
			m.requests.WithLabelValues(route, method, strconv.Itoa(status))
		}
	}
}

// createdStatuses lists the statuses of the series that exist from the start. A failure has one of
// the last two: package failure has no other kinds.
var createdStatuses = []int{http.StatusOK, http.StatusInternalServerError,
	http.StatusServiceUnavailable}

// Answered counts a request that was answered. The caller ensures that route is a pattern and that
// method is one of a fixed list.
func (m *Metrics) Answered(route, method string, status int, took time.Duration) {
	m.inFlight.Dec()
	series := m.answered.of(answered{route, method, status})
	series.requests.Inc()
	series.durations.Observe(took.Seconds())
}
