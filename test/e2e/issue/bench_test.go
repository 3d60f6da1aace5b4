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
	// A window has room for the requests of the fastest benchmark.
	const crowd = 1 << 18
	bodies, clients := make([]string, crowd), make([]string, crowd)
	for n := range crowd {
		bodies[n] = harness.IssueBody(harness.InstallID(n))
		clients[n] = fmt.Sprintf("10.%d.%d.%d", n>>16, n>>8&0xff, n&0xff)
	}
	harness.Benchmark(b, harness.Handler(b), http.StatusOK, func(n int) *http.Request {
		n %= crowd
		return issueRequest(bodies[n], clients[n])
	})
}

// BenchmarkRefusedRequest serves requests of one installation that is over its limit.
func BenchmarkRefusedRequest(b *testing.B) {
	handler, body := harness.Handler(b), harness.IssueBody(harness.InstallID(0))
	request := func(int) *http.Request { return issueRequest(body, "10.0.0.1") }
	for n := range harness.HandlerLimit {
		handler.ServeHTTP(httptest.NewRecorder(), request(n))
	}
	harness.Benchmark(b, handler, http.StatusTooManyRequests, request)
}

// issueRequest returns a request of a client as net/http would have read it from a proxy.
func issueRequest(body, client string) *http.Request {
	return &http.Request{
		Method: http.MethodPost, RequestURI: harness.IssuePath, RemoteAddr: "127.0.0.1:50000",
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}, "X-Forwarded-For": {client}},
		Body:   io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}
