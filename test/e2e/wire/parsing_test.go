package wire_test

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// HTTP on the wire, as tables of the bytes sent and the exact outcome: framing_test.go covers
// where a request ends, targets_test.go the request line, headers_test.go the fields, and
// sequence_test.go several requests on one connection. Each row names the section of RFC 9112
// (messages) or RFC 9110 (semantics) that applies, if there is one. Rows marked "odd" are what
// net/http accepts although a standard would reject it; it does no harm here.

// wireRow is what is sent on a connection of its own, and the expected outcome.
type wireRow struct {
	name, sent string
	// want lists the responses: the status of each, with its code if it is an error of the service,
	// or "plain" if it comes from the HTTP parser; then whether the connection was kept for another
	// request or closed.
	want string
	// unfinished reports that the request is incomplete, so that nothing may be sent after it: the
	// service times out.
	unfinished bool
}

const (
	// smuggled is text that one parser reads as a request and another as part of a body. It must
	// never get a response.
	smuggled = "GET /v1/health HTTP/1.1\r\nHost: x\r\nX-Request-ID: smuggled\r\n\r\n"
	// probe is sent after each row, to see whether the connection was kept.
	probe = "GET /v1/health HTTP/1.1\r\nHost: x\r\nX-Request-ID: probe\r\nConnection: close\r\n\r\n"
)

// runWire checks the outcome of each row, and that the service is unaffected.
func runWire(t *testing.T, rows []wireRow) {
	t.Helper()
	service := wireService(t)
	// Everything is sent before any response is read, so that the unfinished requests time out
	// together.
	conns := make([]*harness.Conn, len(rows))
	for n, row := range rows {
		conns[n] = service.Dial(t)
		if row.unfinished {
			conns[n].Send(t, row.sent)
		} else {
			conns[n].Send(t, row.sent+probe)
		}
	}
	for n, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			conn := conns[n]
			conn.ReadToEnd(t)
			assert.Equal(t, row.want, outcome(t, row.sent, conn.Received()), "%q", conn.Received())
		})
	}
}

// wireService starts a service with short timeouts. At the end of the test it must have reported no
// server error and have no metric series with a name or label chosen by a client.
func wireService(t *testing.T) *harness.Process {
	t.Helper()
	service := shortTimeouts(t, nil)
	before := otherSeries(t, service)
	t.Cleanup(func() {
		if t.Failed() {
			return
		}
		service.RequireHealthy(t)
		assert.Equal(t, before, otherSeries(t, service))
		for line := range strings.Lines(service.Operations(t, http.MethodGet, "/metrics").Body) {
			if ofRequests.MatchString(line) && !strings.HasSuffix(line, " 0\n") {
				assert.Regexp(t, ofFewWords, line)
			}
		}
		assert.Empty(t, service.Log.Of("panic_recovered"))
		assert.Empty(t, service.Log.Of("http_server_complaint"))
	})
	return service
}

var (
	// ofRequests matches the series of requests. Some exist from the start at zero, others appear
	// with the first request of their kind.
	ofRequests = regexp.MustCompile(`^offload_http_request(s_total|_duration_seconds)`)
	// ofFewWords matches the series whose labels are from the fixed sets and that count no server
	// error.
	ofFewWords = regexp.MustCompile(
		`\{method="(GET|HEAD|POST|PUT|PATCH|DELETE|CONNECT|OPTIONS|TRACE|other)",` +
			`route="(unknown|/readyz|/metrics|/v1/health|/v1/sessions/(anonymous|current|verify))",status="[24]\d\d"[,}]`)
)

// otherSeries returns the names and labels of all other series.
func otherSeries(t *testing.T, service *harness.Process) []string {
	t.Helper()
	var series []string
	for line := range strings.Lines(service.Operations(t, http.MethodGet, "/metrics").Body) {
		name, _, _ := strings.Cut(line, " ")
		if name != "#" && !ofRequests.MatchString(name) {
			series = append(series, name)
		}
	}
	slices.Sort(series)
	return series
}

// outcome describes what was received after sent in the notation of wireRow.want, and checks the
// form of each response.
func outcome(t *testing.T, sent, received string) string {
	t.Helper()
	var words []string
	end := "; closed"
	for reader := bufio.NewReader(strings.NewReader(received)); ; {
		if _, err := reader.Peek(1); err != nil {
			break
		}
		assert.Equal(t, "; closed", end, "nothing may follow the response to the probe")
		method, _, _ := strings.Cut(strings.TrimLeft(sent, "\r\n"), " ")
		if len(words) > 0 {
			method = http.MethodGet // a row has at most one unusual request, which comes first
		}
		answer, err := http.ReadResponse(reader, &http.Request{Method: method})
		require.NoError(t, err, "%q", received)
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err, "%q", received)
		id := answer.Header.Get("X-Request-ID")
		assert.NotEqual(t, "smuggled", id, "the smuggled request got a response: %q", received)
		switch {
		case answer.StatusCode == http.StatusContinue:
			words = append(words, "100")
		case id == "probe":
			end = "; kept"
		case id == "":
			assertPlain(t, answer, body)
			words = append(words, strconv.Itoa(answer.StatusCode)+" plain")
			_, err := reader.Peek(1)
			assert.ErrorIs(t, err, io.EOF, "the connection must be closed after the parser's response: %q",
				received)
		default:
			words = append(words, assertOurs(t, answer, body))
		}
	}
	return strings.Join(words, ", ") + end
}

// plain lists the only bodies that the HTTP parser sends, whatever it received, and their status.
var plain = map[string]int{
	"400 Bad Request": 400,
	"400 Bad Request: missing required Host header":                400,
	"400 Bad Request: malformed Host header":                       400,
	"400 Bad Request: invalid header name":                         400,
	"400 Bad Request: invalid header value":                        400,
	"":                                                             417,
	"431 Request Header Fields Too Large":                          431,
	"Unsupported transfer encoding":                                501,
	"505 HTTP Version Not Supported: unsupported protocol version": 505,
}

// assertPlain checks the form of a response of the HTTP parser: it reveals nothing about the
// server, repeats nothing that was sent, and closes the connection.
func assertPlain(t *testing.T, answer *http.Response, body []byte) {
	t.Helper()
	assert.Equal(t, plain[string(body)], answer.StatusCode, "%s", body)
	line := string(body)
	switch answer.StatusCode {
	case http.StatusNotImplemented:
		line = "501 Not Implemented"
	case http.StatusExpectationFailed:
		line = "417 Expectation Failed"
	default:
		assert.Equal(t, "text/plain; charset=utf-8", answer.Header.Get("Content-Type"))
	}
	assert.Equal(t, line, answer.Status)
	assert.True(t, answer.Close)
	for name := range answer.Header {
		assert.Contains(t, []string{"Content-Type", "Connection", "Content-Length", "Date"}, name)
	}
}

// assertOurs checks the form of a response of the service, and returns it in the notation of
// wireRow.want.
func assertOurs(t *testing.T, answer *http.Response, body []byte) string {
	t.Helper()
	assert.Regexp(t, `^[A-Za-z0-9._-]{1,128}$`, answer.Header.Get("X-Request-ID"))
	assert.NotEmpty(t, answer.Header.Get("Cache-Control")+answer.Header.Get("ETag"))
	for _, name := range []string{"Server", "Location", "Set-Cookie", "Upgrade", "X-Powered-By",
		"Trailer"} {
		assert.NotContains(t, answer.Header, name)
	}
	code := answer.Header.Get("X-Error-Code")
	if code == "" {
		assert.Less(t, answer.StatusCode, 300)
		return strconv.Itoa(answer.StatusCode)
	}
	if answer.Request.Method != http.MethodHead {
		assert.True(t, bytes.HasPrefix(body, []byte(`{"error":{"code":"`+code+`",`)), "%s", body)
	}
	return strconv.Itoa(answer.StatusCode) + " " + code
}
