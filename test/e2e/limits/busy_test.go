package limits_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/test/harness"
)

// TestClientsCannotCauseTheFallback keeps the processors busy with bodies that cost much to
// parse, while Redis is healthy and the policy would issue every session. The limit holds: a
// decision that is late for want of CPU is not made by the policy.
func TestClientsCannotCauseTheFallback(t *testing.T) {
	const perAddress, connections = 8, 48
	_, url := startRedis(t)
	service := harness.Start(t, shared(url, harness.Env{
		"OFFLOAD_LIMITER_ON_OUTAGE": "allow", "OFFLOAD_REDIS_TIMEOUT_MS": "50",
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP": fmt.Sprint(perAddress)}))
	costly := `{"a":` + strings.Repeat("[", 60) + strings.Repeat("{},", 5000) + "1" +
		strings.Repeat("]", 60) + "}"
	var over atomic.Bool
	var busy, asking sync.WaitGroup
	transport := &http.Transport{MaxIdleConnsPerHost: connections}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: harness.Timeout}
	post := func(body string) int {
		answer, err := client.Post("http://"+service.Public+harness.IssuePath, "application/json",
			strings.NewReader(body))
		if !assert.NoError(t, err) {
			return 0
		}
		defer func() { _ = answer.Body.Close() }()
		_, _ = io.Copy(io.Discard, answer.Body)
		return answer.StatusCode
	}
	for range connections {
		busy.Go(func() {
			for !over.Load() {
				assert.NotEqual(t, http.StatusOK, post(costly))
			}
		})
	}
	var mu sync.Mutex
	statuses := map[int]int{}
	for caller := range 4 {
		asking.Go(func() {
			for n := range 40 {
				status := post(harness.IssueBody(fmt.Sprintf("install-%d-%05d", caller, n)))
				mu.Lock()
				statuses[status]++
				mu.Unlock()
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
	asking.Wait()
	over.Store(true)
	busy.Wait()
	t.Logf("statuses: %v", statuses)
	assert.LessOrEqual(t, statuses[http.StatusOK], perAddress)
	assert.Zero(t, service.Metric(t, `offload_limiter_outage_decisions_total{policy="allow"}`))
	assert.Empty(t, service.Log.Of("limiter_outage_started"))
}
