package wire_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// TestWireSequences covers several requests on one connection (RFC 9112 §9.3).
func TestWireSequences(t *testing.T) {
	t.Parallel()
	sound := harness.IssueBody("install-12345")
	good, unknown, issued := harness.RawRequest("GET", "/v1/health", ""),
		harness.RawRequest("GET", "/nowhere", ""),
		harness.RawIssue(sound)
	runWire(t, []wireRow{
		{name: "§9.3.2 three at once", sent: good + unknown + issued,
			want: "200, 404 not_found, 200; kept"},
		{name: "a valid request, then a malformed one: the rest is not served",
			sent: good + "GET /v1/\x00 HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled,
			want: "200, 400 plain; closed"},
		{name: "a valid request, then random bytes", sent: good + "\x00\x01\x02\r\n\r\n" + smuggled,
			want: "200, 400 plain; closed"},
		{name: "a valid request, then an unknown encoding",
			sent: good + issueWith("Transfer-Encoding: x\r\n", smuggled),
			want: "200, 501 plain; closed"},
		{name: "a valid request, then one with two lengths",
			sent: good + issueWith("Content-Length: 1\r\nContent-Length: 2\r\n", smuggled),
			want: "200, 400 plain; closed"},
		{name: "a valid request, then one with a field that is too large",
			sent: good + getWith("X: "+strings.Repeat("a", 100_000)+"\r\n") + smuggled,
			want: "200, 431 plain; closed"},
		{name: "a valid request, then a chunked one: the rest is not served",
			sent: good + issueWith("Transfer-Encoding: chunked\r\n", inChunk(sound)) + smuggled,
			want: "200, 200; closed"},
		{name: "a valid request, then HTTP/1.0: the rest is not served",
			sent: good + "GET /v1/health HTTP/1.0\r\n\r\n" + smuggled, want: "200, 200; closed"},
		{name: "a valid request, then one with Connection: close: the rest is not served",
			sent: good + getWith("Connection: close\r\n") + smuggled, want: "200, 200; closed"},
		{name: "a body that is not JSON does not affect the next request",
			sent: harness.RawIssue("{") + good,
			want: "422 validation_error, 200; kept"},
		{name: "a body that is too large closes the connection",
			sent: harness.RawIssue(strings.Repeat(" ", 17<<10)) + smuggled,
			want: "413 payload_too_large; closed"},
		{name: "§2.2 an empty line between requests is rejected", sent: good + "\r\n" + smuggled,
			want: "200, 400 plain; closed"},
		{name: "odd: an empty line after a POST, as old browsers sent",
			sent: issued + "\r\n" + good, want: "200, 200; kept"},
		{name: "two empty lines after a POST",
			sent: issued + "\r\n\r\n" + good, want: "200, 200; kept"},
	})
}

// TestWireByteByByte shows that a request sent byte by byte is handled like any other.
func TestWireByteByByte(t *testing.T) {
	t.Parallel()
	service := wireService(t)
	conn := service.Dial(t)
	for n := range 3 {
		id := fmt.Sprintf("slow-%d", n)
		for _, c := range []byte(harness.RawIssue(harness.IssueBody("install-12345"),
			"X-Request-ID: "+id)) {
			conn.Send(t, string(c))
		}
		answer := conn.ReadResponse(t, http.MethodPost)
		assert.Equal(t, http.StatusOK, answer.Status)
		assert.Equal(t, id, answer.Header.Get("X-Request-ID"))
	}
	for _, c := range []byte(issueWith("Transfer-Encoding: chunked\r\n",
		inChunk(harness.IssueBody("install-12345")))) {
		conn.Send(t, string(c))
	}
	answer := conn.ReadResponse(t, http.MethodPost)
	require.Equal(t, http.StatusOK, answer.Status)
	assert.True(t, answer.Close)
	assert.Empty(t, conn.ReadToEnd(t))
}
