package watch

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/pki"
)

// TestFirstFailureIsSeen checks that the series of failures of every route exist before there is
// one: a rate over a series that begins with a failure misses that.
func TestFirstFailureIsSeen(t *testing.T) {
	t.Parallel()
	// The route of discovery exists if the issuer is a public origin.
	const origin = "https://sessions.example.com"
	service := harness.Start(t, harness.Env{"OFFLOAD_PUBLIC_ORIGINS": origin,
		"OFFLOAD_SESSION_TOKEN_ISSUER": origin})
	var described struct {
		Paths map[string]map[string]any
	}
	require.NoError(t, json.Unmarshal([]byte(service.Send(t, "GET", "/openapi.json", "").Body),
		&described))
	require.NotEmpty(t, described.Paths)
	scraped := service.Operations(t, "GET", "/metrics").Body
	zero := func(route, method string) {
		for _, status := range []int{http.StatusInternalServerError, http.StatusServiceUnavailable} {
			series := fmt.Sprintf("\noffload_http_requests_total{method=%q,route=%q,status=\"%d\"} 0\n",
				method, route, status)
			assert.True(t, strings.Contains(scraped, series), series) // the rest is long
		}
	}
	for path, methods := range described.Paths {
		path, _, _ = strings.Cut(path, "/{") // what is below a route is counted as the route
		for method := range methods {
			if method = strings.ToUpper(method); method == "GET" || method == "POST" {
				zero(path, method)
			}
		}
	}
	zero("unknown", "GET")
	zero("/livez", "GET")
	assert.Less(t, strings.Count(scraped, "\noffload_http_requests_total{"), 200)
}

// family matches the line of a scrape that names a metric; sample matches a series, with its
// labels.
var (
	family = regexp.MustCompile(`(?m)^# TYPE (offload_\w+) `)
	sample = regexp.MustCompile(`(?m)^(offload_\w+?)(?:_bucket|_sum|_count)?\{(.*)\} `)
	label  = regexp.MustCompile(`(\w+)="`)
)

// TestOperationsHasEveryMetric compares the table of metrics, with their labels, with a scrape.
func TestOperationsHasEveryMetric(t *testing.T) {
	t.Parallel()
	chain, key := pki.New(t, "localhost").Write(t, t.TempDir())
	service := harness.Start(t, harness.Env{"OFFLOAD_TLS_CERT_FILE": chain,
		"OFFLOAD_TLS_KEY_FILE": key})
	// The durations of requests have no series before there was a request.
	require.Equal(t, http.StatusOK, service.Operations(t, "GET", "/livez").Status)
	scraped := service.Operations(t, "GET", "/metrics").Body
	known := map[string][]string{}
	for _, match := range family.FindAllStringSubmatch(scraped, -1) {
		known[match[1]] = nil
	}
	for _, match := range sample.FindAllStringSubmatch(scraped, -1) {
		for _, name := range label.FindAllStringSubmatch(match[2], -1) {
			if name[1] != "le" && !slices.Contains(known[match[1]], name[1]) {
				known[match[1]] = append(known[match[1]], name[1])
			}
		}
	}
	require.Contains(t, known, "offload_http_request_duration_seconds")
	shown := map[string][]string{}
	for line := range strings.Lines(section(t, operationsPage, "Metrics and readiness")) {
		if cells := strings.Split(line, "|"); len(cells) > 3 {
			for _, metric := range words(cells[1]) {
				shown[metric] = words(cells[2])
			}
		}
	}
	for metric, labels := range known {
		if assert.Contains(t, shown, metric) {
			assert.ElementsMatch(t, labels, shown[metric], "the labels of %s", metric)
		}
	}
	assert.Len(t, shown, len(known), "the page has a metric that the service does not have")
}
