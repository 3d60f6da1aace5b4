package wire_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/test/harness"
)

// seen records the requests that a handler received, in order. There is one connection at a time.
type seen struct {
	mu       sync.Mutex
	requests []*http.Request
}

func (s *seen) take() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.requests
	s.requests = nil
	return taken
}

// FuzzWire sends arbitrary bytes to the whole service in this process. Nothing may panic, each
// request gets one response, each response comes from the service or the HTTP parser, and nothing
// follows a response or a request that closes the connection.
func FuzzWire(f *testing.F) {
	sound := harness.IssueBody("install-12345")
	for _, seed := range []string{
		getWith(""), getWith("") + harness.RawIssue(sound),
		issueWith("Transfer-Encoding: chunked\r\n", inChunk(sound)) + smuggled,
		issueWith("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"+smuggled),
		"POST " + harness.IssuePath +
			" HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n" + smuggled,
		"CONNECT /v1/sessions/verify HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled,
		"HEAD /v1/health HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled,
		harness.RawRequest("GET", "/v1/health", smuggled),
		issueWith("Expect: 100-continue\r\nContent-Length: 2\r\n", "{}"), getWith("Expect: x\r\n"),
		"GET /v1/health HTTP/1.1\nHost: x\n\n", getWith("X: a\r\n b\r\n"),
		harness.RawIssue(sound) + "\r\n" + getWith(""),
		issueWith("Transfer-Encoding: chunked\r\nTrailer: X\r\n",
			"1;x=y\r\n{\r\n0\r\nX: y\r\n\r\n"), getWith("Connection: close\r\n") + getWith(""),
	} {
		f.Add([]byte(seed))
	}
	whole, log := harness.Handler(f), harness.NewLog()
	asked := &seen{}
	server, err := server.Listen(context.Background(), "127.0.0.1:0",
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked.mu.Lock()
			asked.requests = append(asked.requests, r)
			asked.mu.Unlock()
			whole.ServeHTTP(w, r)
		}), server.Limits{Read: time.Minute, Idle: time.Minute, Connections: 100},
		server.Handshake{},
		slog.New(slog.NewJSONHandler(log, nil)))
	require.NoError(f, err)
	f.Cleanup(func() { server.Shutdown(context.Background()) })

	f.Fuzz(func(t *testing.T, sent []byte) {
		if bytes.HasPrefix(sent, []byte(preface)) {
			return // responses would be HTTP/2 frames
		}
		received := converse(t, server.Address(), sent)
		requests := asked.take()
		assert.Empty(t, log.Lines(), "net/http logged a complaint, or something panicked")
		assert.LessOrEqual(t, len(requests), strings.Count(string(sent), " HTTP/"),
			"the handler received more requests than were sent")
		for n, r := range requests {
			if len(r.TransferEncoding) > 0 || r.ProtoMajor == 1 && r.ProtoMinor == 0 ||
				r.Method == http.MethodConnect || r.Close {
				assert.Equal(t, len(requests)-1, n, "the handler received a request after %s %s", r.Method,
					r.Proto)
			}
		}
		ours, closed := 0, false
		for reader := bufio.NewReader(strings.NewReader(received)); ; {
			if _, err := reader.Peek(1); err != nil {
				break
			}
			require.False(t, closed, "a response followed one that closes: %q", received)
			method := http.MethodGet
			if ours < len(requests) {
				method = requests[ours].Method
			}
			answer, err := http.ReadResponse(reader, &http.Request{Method: method})
			require.NoError(t, err, "%q", received)
			body, err := io.ReadAll(answer.Body)
			require.NoError(t, err, "%q", received)
			switch {
			case answer.StatusCode == http.StatusContinue:
			case answer.Header.Get("X-Request-ID") == "":
				assertPlain(t, answer, body)
				closed = true
			default:
				assertOurs(t, answer, body)
				ours++
				closed = answer.Close
			}
		}
		assert.Equal(t, len(requests), ours, "each request must get one response: %q", received)
	})
}

// converse sends sent on a new connection, closes its sending side, and returns everything
// received.
func converse(t *testing.T, address string, sent []byte) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(harness.Timeout)))
	// Errors are ignored: if the server has closed the connection, its response shows why.
	_, _ = conn.Write(sent)
	_ = conn.(*net.TCPConn).CloseWrite()
	received, err := io.ReadAll(conn)
	require.True(t, err == nil || errors.Is(err, syscall.ECONNRESET), "%v", err)
	return string(received)
}
