package watch

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
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
