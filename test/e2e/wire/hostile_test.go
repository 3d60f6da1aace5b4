package wire_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// These tests are hostile clients on raw sockets. Whatever they send, the response is one of the
// contract or of the HTTP parser, the connection is closed within the timeouts, and the service
// continues to serve normally.

// shortTimeouts starts a service whose timeouts are short enough for a test to wait for them, and
// long enough not to expire on a client that does not stall, however busy the machine is.
func shortTimeouts(t *testing.T, more harness.Env) *harness.Process {
	t.Helper()
	service := harness.Start(t, harness.Production(harness.Env{
		"OFFLOAD_HTTP_READ_TIMEOUT_SECONDS": "10", "OFFLOAD_HTTP_IDLE_TIMEOUT_SECONDS": "10",
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP":      "10000",
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_NETWORK": "0",
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_INSTALL": "10000",
	}.With(more)))
	goroutines := service.Metric(t, "go_goroutines")
	t.Cleanup(func() {
		if t.Failed() {
			return
		}
		service.RequireHealthy(t)
		service.AwaitInFlight(t, 0)
		harness.Poll(t, "the goroutines that served the hostile clients have ended", func() bool {
			return service.Metric(t, "go_goroutines") <= goroutines+8
		})
		assert.Zero(t, service.Stop(t))
		assert.Empty(t, service.Log.Of("panic_recovered"))
	})
	return service
}

func TestHostileRequests(t *testing.T) {
	t.Parallel()
	service := shortTimeouts(t, nil)
	sound := harness.IssueBody("install-12345")
	issue := func(headers, body string) string {
		return "POST " + harness.IssuePath + " HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n" + body
	}
	get := func(target, headers string) string {
		return "GET " + target + " HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n"
	}
	chunk := func(body string) string {
		return fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	}
	length := fmt.Sprintf("Content-Length: %d\r\n", len(sound))
	const inChunks = "Transfer-Encoding: chunked\r\n"

	rows := map[string]struct {
		sent   string
		status []int
	}{
		"no host":             {"GET /v1/health HTTP/1.1\r\n\r\n", []int{400}},
		"two hosts":           {get("/v1/health", "Host: y\r\n"), []int{400}},
		"a host with a space": {"GET /v1/health HTTP/1.1\r\nHost: a b\r\n\r\n", []int{400}},
		"version 0.9":         {"GET /v1/health\r\n\r\n", []int{400}},
		"version 1.0":         {"GET /v1/health HTTP/1.0\r\n\r\n", []int{200}},
		"version 2.0":         {"GET /v1/health HTTP/2.0\r\nHost: x\r\n\r\n", []int{505}},
		"version 3.7":         {"GET /v1/health HTTP/3.7\r\nHost: x\r\n\r\n", []int{505}},
		"HTTP/2's preface":    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", []int{0}},
		"HTTP/2 by upgrade": {get("/v1/health",
			"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"), []int{200}},
		"a web socket": {get("/v1/health",
			"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n"), []int{200}},
		"TLS": {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", []int{400}},
		"PROXY protocol": {"PROXY TCP4 198.51.100.1 198.51.100.2 1 2\r\n" +
			get("/v1/health", ""), []int{400}},
		"blank lines":                       {"\r\n\r\n\r\n", []int{400}},
		"zeros":                             {strings.Repeat("\x00", 1000), []int{400}},
		"a line of random bytes":            {strings.Repeat("\xff", 1000) + "\r\n\r\n", []int{400}},
		"relative target":                   {get("v1/health", ""), []int{400}},
		"no target":                         {"GET  HTTP/1.1\r\nHost: x\r\n\r\n", []int{400}},
		"a space in the target":             {get("/v1/ health", ""), []int{400}},
		"NUL in target":                     {get("/v1/\x00health", ""), []int{400}},
		"a control character in the target": {get("/v1/\x1fhealth", ""), []int{400}},
		"DEL in target":                     {get("/v1/\x7fhealth", ""), []int{400}},
		"broken escape":                     {get("/%zz", ""), []int{400}},
		"NUL in method":                     {"G\x00T / HTTP/1.1\r\nHost: x\r\n\r\n", []int{400}},
		"NUL in a header":                   {get("/v1/health", "X: a\x00b\r\n"), []int{400}},
		"a control character in a name":     {get("/v1/health", "X\x01: a\r\n"), []int{400}},
		"a space in a name":                 {get("/v1/health", "X y: a\r\n"), []int{400}},
		"a space after a name":              {issue("Transfer-Encoding : chunked\r\n", chunk(sound)), []int{400}},
		"no name":                           {get("/v1/health", ": a\r\n"), []int{400}},
		"no colon":                          {get("/v1/health", "X\r\n"), []int{400}},
		"bare CR":                           {get("/v1/health", "X: a\rb\r\n"), []int{400}},

		"headers too large": {get("/v1/health", "X: "+strings.Repeat("a", 40_000)+"\r\n"),
			[]int{431}},
		"too many headers": {get("/v1/health", strings.Repeat("X: a\r\n", 10_000)),
			[]int{431}},
		"target too long": {get("/"+strings.Repeat("a", 40_000), ""), []int{431}},
		"endless headers": {"GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("a", 100_000),
			[]int{431}},
		"headers of the maximum size": {get("/v1/health", "X: "+strings.Repeat("a", 16_000)+"\r\n"),
			[]int{200}},
		"a list of 8000 hops": {issue(length+"X-Forwarded-For: "+strings.Repeat(",", 8000)+"\r\n",
			sound), []int{200}},
		"truncated headers":                    {"GET /v1/health HTTP/1.1\r\nHo", []int{0, 400}},
		"a truncated method":                   {"G", []int{0, 400}},
		"nothing":                              {"", []int{0}},
		"a truncated body":                     {issue("Content-Length: 50\r\n", `{"install`), []int{422}},
		"an announced body that is never sent": {issue("Content-Length: 50\r\n", ""), []int{422}},
		"a truncated chunk":                    {issue(inChunks, "5\r\nab"), []int{422}},
		"endless chunks":                       {issue(inChunks, "5\r\n    \r\n"), []int{422}},

		// RFC 9112 §6.3: the chunks count.
		"length and chunks": {issue("Content-Length: 5\r\n"+inChunks, chunk(sound)), []int{200}},
		"two lengths": {issue("Content-Length: 5\r\nContent-Length: 6\r\n", sound),
			[]int{400}},
		"a list of lengths": {issue("Content-Length: 5, 6\r\n", sound), []int{400}},
		"a negative length": {issue("Content-Length: -5\r\n", sound), []int{400}},
		"a signed length":   {issue("Content-Length: +5\r\n", sound), []int{400}},
		"a length in hex":   {issue("Content-Length: 0x5\r\n", sound), []int{400}},
		"a length of 65 bits": {issue("Content-Length: 18446744073709551617\r\n", sound),
			[]int{400}},
		"a length of 63 bits": {issue("Content-Length: 9223372036854775807\r\n", sound),
			[]int{413}},
		"another encoding": {issue("Transfer-Encoding: gzip\r\n", sound), []int{501}},
		"two encodings": {issue("Transfer-Encoding: gzip, chunked\r\n", chunk(sound)),
			[]int{501}},
		"two lines of encodings": {issue(inChunks+inChunks, chunk(sound)), []int{400, 501}},
		"nearly chunked": {issue("Transfer-Encoding: xchunked\r\n", chunk(sound)),
			[]int{501}},
		"a chunk size that is not a number": {issue(inChunks, "zz\r\n"+sound+"\r\n0\r\n\r\n"), []int{422}},
		"a negative chunk":                  {issue(inChunks, "-1\r\n"+sound+"\r\n0\r\n\r\n"), []int{422}},
		"a chunk of 68 bits": {issue(inChunks, "fffffffffffffffff\r\n"+sound+"\r\n0\r\n\r\n"),
			[]int{422}},
		"a chunk too long": {issue(inChunks, "5\r\nabcdefgh\r\n0\r\n\r\n"), []int{422}},
		"endless chunk size": {issue(inChunks, strings.Repeat("0", 100_000)+"1\r\n"),
			[]int{422}},
		"endless trailers": {issue(inChunks,
			fmt.Sprintf("%x\r\n%s\r\n0\r\n", len(sound), sound)+strings.Repeat("X: y\r\n", 20_000)+
				"\r\n"), []int{422}},
		"chunks of one byte": {issue(inChunks,
			"1\r\n"+strings.Join(strings.Split(sound, ""), "\r\n1\r\n")+"\r\n0\r\n\r\n"),
			[]int{200}},

		"Expect: 100-continue": {issue("Expect: 100-continue\r\n"+length, sound), []int{100}},
		"Expect: 100-continue, rejected at once": {issue("Expect: 100-continue\r\nContent-Type: text/plain\r\n"+
			length, ""), []int{415}},
		"Expect: 100-continue, body too large": {issue("Expect: 100-continue\r\nContent-Length: 20000\r\n", ""),
			[]int{413}},
		"Expect: 100-continue, body never sent": {issue("Expect: 100-continue\r\n"+length, ""), []int{100}},
		"another expectation":                   {issue("Expect: payment\r\n"+length, sound), []int{417}},

		"random bytes after a request":  {get("/v1/health", "") + "\x00\x01\x02\r\n\r\n", []int{200}},
		"a body on a route without one": {get("/v1/health", "Content-Length: 4\r\n") + "abcd", []int{200}},
		"a request in a body": {issue("Content-Length: 10\r\n",
			"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), []int{422}},
	}
	// Everything is sent before any response is read, so that the connections time out together.
	conns := map[string]*harness.Conn{}
	for name, hostile := range rows {
		conns[name] = service.Dial(t)
		conns[name].Send(t, hostile.sent)
	}
	for name, hostile := range rows {
		t.Run(name, func(t *testing.T) {
			conn := conns[name]
			conn.ReadToEnd(t)
			assert.Contains(t, hostile.status, firstStatus(t, conn.Received()), "%s",
				conn.Received())
		})
	}
}

// firstStatus returns the status of the first response in text, or 0 if there is none. No response
// may be a server error.
func firstStatus(t *testing.T, text string) int {
	t.Helper()
	first := 0
	reader := bufio.NewReader(strings.NewReader(text))
	for {
		answer, err := http.ReadResponse(reader, nil)
		if err != nil {
			return first
		}
		_, err = io.Copy(io.Discard, answer.Body)
		require.NoError(t, err)
		assert.NotContains(t, []int{500, 502, 503, 504}, answer.StatusCode)
		if first == 0 {
			first = answer.StatusCode
		}
	}
}

// TestHostilePipelining shows that a hundred requests sent at once get a hundred responses in
// order.
func TestHostilePipelining(t *testing.T) {
	t.Parallel()
	service := shortTimeouts(t, nil)
	conn := service.Dial(t)
	var all strings.Builder
	for n := range 100 {
		all.WriteString(harness.RawRequest("GET", "/v1/health", "",
			fmt.Sprintf("X-Request-ID: pipelined-%d", n)))
	}
	conn.Send(t, all.String())
	for n := range 100 {
		assert.Equal(t, fmt.Sprintf("pipelined-%d", n),
			conn.ReadResponse(t, http.MethodGet).Header.Get("X-Request-ID"))
	}
}

// TestHostileClientThatNeverReads shows that a client which keeps sending requests and never reads
// a response is cut off, and that others are served meanwhile.
func TestHostileClientThatNeverReads(t *testing.T) {
	t.Parallel()
	service := shortTimeouts(t, nil)
	conn := service.Dial(t)
	conn.Send(t, health)
	assert.Equal(t, http.StatusOK, conn.ReadResponse(t, http.MethodGet).Status)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for err := error(nil); err == nil; {
			_, err = io.WriteString(conn, strings.Repeat(health, 100))
		}
	}()
	assert.Equal(t, http.StatusOK, service.Exchange(t, http.MethodGet, health).Status)
	harness.Receive(t, "the client that never reads has been cut off", ended)
	require.NoError(t, conn.Close())
}
