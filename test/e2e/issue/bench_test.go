package issue_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/offload/sessiond/test/harness"
)

// BenchmarkIssueRequest serves requests of many installations in turn, each from its own address.
func BenchmarkIssueRequest(b *testing.B) {
	const crowd = 1 << 14
	bodies, peers := make([]string, crowd), make([]string, crowd)
	for n := range crowd {
		bodies[n] = harness.IssueBody(harness.InstallID(n))
		peers[n] = fmt.Sprintf("10.0.%d.%d:50000", n>>8, n&0xff)
	}
	template := httptest.NewRequest(http.MethodPost, harness.IssuePath, nil)
	template.Header.Set("Content-Type", "application/json")
	harness.Benchmark(b, harness.Handler(b), func(n int) *http.Request {
		n %= crowd
		r := *template
		r.RemoteAddr = peers[n]
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(bodies[n])), int64(len(bodies[n]))
		return &r
	})
}
