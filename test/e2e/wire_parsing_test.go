package e2e_test

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

// HTTP on the wire, as tables of bytes and of what exactly comes back: wire_framing_test.go, where
// a request ends; wire_targets_test.go, its first line; wire_headers_test.go, its fields;
// wire_sequence_test.go, what comes one after the other. Each row names the section of RFC 9112
// (messages) or RFC 9110 (semantics) that rules, where one does. Some rows are odd, and say so:
// what net/http takes though a standard would have it refused, and that nothing here can be harmed
// by.

// wireRow is what is sent on a connection of its own, and what comes of it.
type wireRow struct {
	name, sent string
	// want are the answers: the status of each, with its code where it is our error; "plain" where
	// the parser itself answered; then whether the connection was kept for another request or
	// closed.
	want string
	// unfinished says that the request does not end, so that nothing may be sent behind it: the
	// service ends the wait.
	unfinished bool
}

const (
	// smuggled is a request that one reader takes for a request and another for a part of a body.
	// It is never answered.
	smuggled = "GET /v1/health HTTP/1.1\r\nHost: x\r\nX-Request-ID: smuggled\r\n\r\n"
	// probe is sent behind each row, to see whether the connection was kept.
	probe = "GET /v1/health HTTP/1.1\r\nHost: x\r\nX-Request-ID: probe\r\nConnection: close\r\n\r\n"
)

// runWire has each row's outcome be what the table says, and the service be as before.
func runWire(t *testing.T, rows []wireRow) {
	t.Helper()
	service := wireService(t)
	// All is sent before any answer is read, so that the unfinished requests time out together.
	conns := make([]*harness.Conn, len(rows))
	for n, row := range rows {
		conns[n] = service.Dial(t)
		if row.unfinished {
			conns[n].Say(t, row.sent)
		} else {
			conns[n].Say(t, row.sent+probe)
		}
	}
	for n, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			conn := conns[n]
			conn.HearEnd(t)
			assert.Equal(t, row.want, outcome(t, row.sent, conn.Heard()), "%q", conn.Heard())
		})
	}
}

// wireService is an impatient service that must have failed nobody by the end, and made no metric
// that a caller could choose the name of.
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
			if ofRequests.MatchString(line) {
				assert.Regexp(t, ofFewWords, line)
			}
		}
		assert.Empty(t, service.Log.Of("panic_recovered"))
		assert.Empty(t, service.Log.Of("http_server_complaint"))
	})
	return service
}

var (
	// ofRequests are the series that come with the first request of their kind.
	ofRequests = regexp.MustCompile(`^offload_http_request(s_total|_duration_seconds)`)
	// ofFewWords are those whose labels are ours, and that count no failure of ours.
	ofFewWords = regexp.MustCompile(
		`\{method="(GET|HEAD|POST|PUT|PATCH|DELETE|CONNECT|OPTIONS|TRACE|other)",` +
			`route="(unknown|/readyz|/metrics|/v1/health|/v1/sessions/(anonymous|current|verify))",status="[24]\d\d"[,}]`)
)

// otherSeries are the names and labels of all other series.
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

// outcome puts what was heard after sent into the words of a table, and holds each answer to its
// form.
func outcome(t *testing.T, sent, heard string) string {
	t.Helper()
	var words []string
	end := "; closed"
	for reader := bufio.NewReader(strings.NewReader(heard)); ; {
		if _, err := reader.Peek(1); err != nil {
			break
		}
		assert.Equal(t, "; closed", end, "nothing follows the probe's answer")
		method, _, _ := strings.Cut(strings.TrimLeft(sent, "\r\n"), " ")
		if len(words) > 0 {
			method = http.MethodGet // the rows have one strange request at most, and have it first
		}
		answer, err := http.ReadResponse(reader, &http.Request{Method: method})
		require.NoError(t, err, "%q", heard)
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err, "%q", heard)
		id := answer.Header.Get("X-Request-ID")
		assert.NotEqual(t, "smuggled", id, "a smuggled request was answered: %q", heard)
		switch {
		case answer.StatusCode == http.StatusContinue:
			words = append(words, "100")
		case id == "probe":
			end = "; kept"
		case id == "":
			assertPlain(t, answer, body)
			words = append(words, strconv.Itoa(answer.StatusCode)+" plain")
			_, err := reader.Peek(1)
			assert.ErrorIs(t, err, io.EOF, "the connection closes after the parser's answer: %q",
				heard)
		default:
			words = append(words, assertOurs(t, answer, body))
		}
	}
	return strings.Join(words, ", ") + end
}

// plain are the only bodies of the parser's answers, whatever was sent.
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

// assertPlain holds an answer of the HTTP parser to its form: it says nothing of the server and
// repeats nothing that was sent, and ends the connection.
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

// assertOurs holds an answer of the service to its form, and is the answer in a table's words.
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
