package harness

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Operations sends a request to the operations listener and returns the response.
func (c *Client) Operations(t testing.TB, method, path string, headers ...Header) Response {
	t.Helper()
	answer, err := c.TryOperations(method, path, headers...)
	require.NoError(t, err)
	return answer
}

// TryOperations sends a request to the operations listener. It returns an error if no complete
// response was received. It may be called from any goroutine.
func (c *Client) TryOperations(method, path string, headers ...Header) (Response, error) {
	return try(c.ops, "http://"+c.Ops, method, path, "", headers)
}

// Metric returns the value of one series, which is named as in the Prometheus text format and must
// exist.
func (c *Client) Metric(t testing.TB, series string) float64 {
	t.Helper()
	for line := range strings.Lines(c.Operations(t, http.MethodGet, "/metrics").Body) {
		if text, found := strings.CutPrefix(strings.TrimSpace(line), series+" "); found {
			value, err := strconv.ParseFloat(text, 64)
			require.NoError(t, err)
			return value
		}
	}
	require.Fail(t, "metric series not found", "%s", series)
	return 0
}

// RequireHealthy fails the test unless the service is ready and serves normally.
func (c *Client) RequireHealthy(t testing.TB) {
	t.Helper()
	require.Equal(t, http.StatusOK, c.Operations(t, http.MethodGet, "/readyz").Status)
	require.Equal(t, http.StatusOK, c.Send(t, http.MethodGet, "/v1/health", "").Status)
	require.Equal(t, "unauthorized", c.Current(t).Code())
}

// Readiness returns the status of the readiness response and its checks, by name.
func (c *Client) Readiness(t testing.TB) (status int, checks map[string]string) {
	t.Helper()
	answer := c.Operations(t, http.MethodGet, "/readyz")
	var report struct {
		Checks map[string]struct{ Status, Detail string }
	}
	answer.Decode(t, &report)
	checks = map[string]string{}
	for name, check := range report.Checks {
		checks[name] = strings.TrimSuffix(check.Status+": "+check.Detail, ": ")
	}
	return answer.Status, checks
}

// AwaitInFlight waits until that many requests are in flight, besides the request for the metrics.
func (c *Client) AwaitInFlight(t testing.TB, requests int) {
	t.Helper()
	Poll(t, fmt.Sprintf("%d requests are in flight", requests), func() bool {
		return c.Metric(t, "offload_http_requests_in_flight") == float64(requests+1)
	})
}
