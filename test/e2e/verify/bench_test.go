package verify_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// BenchmarkCurrentRequest serves requests with the tokens of many installations in turn.
func BenchmarkCurrentRequest(b *testing.B) {
	const crowd = 1 << 13 // within the handler's limit for one address
	handler := harness.Handler(b)
	headers := make([]http.Header, crowd)
	for n := range crowd {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, harness.IssuePath,
			strings.NewReader(harness.IssueBody(harness.InstallID(n)))))
		var session harness.Session
		require.NoError(b, json.Unmarshal(answer.Body.Bytes(), &session), "%s", answer.Body)
		headers[n] = http.Header{"Authorization": {"Bearer " + session.Token}}
	}
	template := httptest.NewRequest(http.MethodGet, "/v1/sessions/current", nil)
	harness.Benchmark(b, handler, http.StatusOK, func(n int) *http.Request {
		r := *template
		r.Header = headers[n%crowd]
		return &r
	})
}
