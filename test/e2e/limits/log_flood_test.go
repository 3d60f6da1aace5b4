package limits_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/test/harness"
)

// TestAFloodOfFailuresIsNoFloodOfLines has every request fail on the service's side: the storage is
// out under the policy deny.
func TestAFloodOfFailuresIsNoFloodOfLines(t *testing.T) {
	t.Parallel()
	service := harness.Start(t, harness.Production(harness.Env{
		"OFFLOAD_LIMITER_STORAGE":    "redis",
		"OFFLOAD_LIMITER_DIGEST_KEY": harness.OtherSecret,
		"OFFLOAD_LIMITER_ON_OUTAGE":  "deny",
		"OFFLOAD_REDIS_URL":          "redis://" + harness.OccupyAddress(t), // it never answers
		"OFFLOAD_REDIS_TIMEOUT_MS":   "1",
	}))
	const requests = 2000
	start := time.Now()
	for range requests {
		assert.Equal(t, http.StatusServiceUnavailable, service.Issue(t, "install-12345").Status)
	}
	own := service.Log.AwaitLine(t, "the count of suppressed lines", func(line harness.Line) bool {
		return line.Event() == "http_request" && line.Int("suppressed") > 0
	})
	assert.Equal(t, "WARN", own.String("level"))
	assert.EqualValues(t, requests, service.Metric(t,
		`offload_http_requests_total{method="POST",route="/v1/sessions/anonymous",status="503"}`),
		"metrics count every one")
	assert.Zero(t, service.Stop(t))
	lines, counted := service.Log.Of("http_request"), 0
	for _, line := range lines {
		if line.Int("status") != 0 {
			counted++
		}
		counted += line.Int("suppressed")
	}
	assert.Equal(t, requests, counted, "each is written or counted once")
	seconds := int(time.Since(start)/time.Second) + 1
	assert.LessOrEqual(t, len(lines), 10*(seconds+1)+1, "in %d s", seconds)
}
