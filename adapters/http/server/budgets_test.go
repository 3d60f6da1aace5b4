package server_test

import (
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/http/envelope"
	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/adapters/system/clock"
	"github.com/offload/sessiond/ports"
)

// shedEvents is a ports.Events that counts the budgets that were reached.
type shedEvents struct {
	mu    sync.Mutex
	count map[ports.Budget]int
}

func (s *shedEvents) Record(_ context.Context, event ports.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count == nil {
		s.count = map[ports.Budget]int{}
	}
	if shed, ok := event.(ports.RequestsShed); ok {
		s.count[shed.Budget]++
	}
}

func (s *shedEvents) of(budget ports.Budget) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count[budget]
}

// bounded returns a handler of routes within budgets.
func bounded(budgets *server.Budgets, routes ...server.Route) http.Handler {
	return server.NewRouter(routes, clock.New(), silent{},
		slog.New(slog.DiscardHandler)).Within(budgets)
}

// large is longer than the buffers between a server and a client that does not read.
var large = []byte(strings.Repeat("a", 16<<20))

// The routes of these tests.
var (
	quick = server.Route{Pattern: "/quick", Handle: ok}
	read  = server.Route{Pattern: "/read", ReadsBody: true,
		Handle: func(w http.ResponseWriter, r *http.Request) error {
			body, err := server.ReadBody(w, r, 100)
			if err == nil {
				_, err = io.WriteString(w, string(body)+r.Header.Get("X-Other"))
			}
			return err
		}}
	shared = server.Route{Pattern: "/shared", Handle: func(w http.ResponseWriter,
		_ *http.Request) error {
		_, err := w.(envelope.Keeper).WriteKept(large)
		return err
	}}
)

// headers returns an HTTP/2 HEADERS frame for a request without TLS.
func headers(stream uint32, flags byte, method, path string) string {
	block := method + "\x86\x01\x01x\x04" + string([]byte{byte(len(path))}) + path
	return http2Frame(1, 4|flags, stream, block)
}

func http2Frame(kind, flags byte, stream uint32, payload string) string {
	head := []byte{0, byte(len(payload) >> 8), byte(len(payload)), kind, flags}
	return string(binary.BigEndian.AppendUint32(head, stream)) + payload
}

const (
	methodGet, methodPost = "\x82", "\x83"
	endOfStream           = 1
	// windowless is the HTTP/2 setting that gives a new stream no window (RFC 9113 §6.5.2).
	windowless = "\x00\x00\x06\x04\x00\x00\x00\x00\x00" + "\x00\x04\x00\x00\x00\x00"
)

// awaitReset reads frames until a stream is reset, and returns its number.
func (w wire) awaitReset(t *testing.T) uint32 {
	t.Helper()
	for {
		head := make([]byte, 9)
		_, err := io.ReadFull(w.Reader, head)
		require.NoError(t, err)
		_, err = io.CopyN(io.Discard, w.Reader, int64(head[1])<<8|int64(head[2]))
		require.NoError(t, err)
		if head[3] == 3 {
			return binary.BigEndian.Uint32(head[5:])
		}
	}
}

// TestWaitingForTheClientTakesNoSlot checks that with a single slot, requests whose client sends no
// body or reads no response stop no other request.
func TestWaitingForTheClientTakesNoSlot(t *testing.T) {
	for name, stall := range map[string]func(t *testing.T, v http2Server){
		"HTTP/1, a body": func(t *testing.T, v http2Server) {
			dial(t, v.srv).send(t, "POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1")
		},
		"HTTP/1, a response": func(t *testing.T, v http2Server) {
			dial(t, v.srv).send(t, "GET /shared HTTP/1.1\r\nHost: x\r\n\r\n")
		},
		"HTTP/2, a body": func(t *testing.T, v http2Server) {
			v.dial(t).send(t, headers(1, 0, methodPost, "/read"))
		},
		"HTTP/2, a response": func(t *testing.T, v http2Server) {
			v.dial(t).send(t, windowless+headers(1, endOfStream, methodGet, "/shared"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			events := &shedEvents{}
			budgets := server.NewSmallBudgets(1, 0, 100, clock.New(), events)
			v := overHTTP2(t, usualLimits, bounded(budgets, quick, read, shared))
			stall(t, v)
			eventually(t, func() bool { return budgets.Waiting().Len() == 1 })
			for range 3 {
				assert.Equal(t, 200, v.do(t, "GET", "/quick", nil).StatusCode)
			}
			assert.Zero(t, events.of(ports.BudgetRequests))
		})
	}
}

// TestShedsRequestsBeyondTheSlots checks the response when no slot becomes free.
func TestShedsRequestsBeyondTheSlots(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	slow := server.Route{Pattern: "/slow", Handle: func(http.ResponseWriter, *http.Request) error {
		close(begun)
		<-end
		return nil
	}}
	events := &shedEvents{}
	budgets := server.NewSmallBudgets(1, 0, 100, clock.New(), events)
	v := overHTTP2(t, usualLimits, bounded(budgets, quick, read, slow))
	first := dial(t, v.srv)
	first.send(t, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
	receive(t, begun)
	check := func(response *http.Response, length int) {
		assert.Equal(t, 503, response.StatusCode)
		assert.Equal(t, "1", response.Header.Get("Retry-After"))
		assert.Equal(t, "service_unavailable", response.Header.Get("X-Error-Code"))
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		if length == 0 {
			assert.Empty(t, body, "a body would wait for a window")
			assert.Empty(t, response.Header.Get("Content-Type"))
		} else {
			assert.Contains(t, string(body), `"code":"service_unavailable"`)
		}
	}
	check(v.do(t, "GET", "/quick", nil), 0)
	check(v.do(t, "POST", "/read", strings.NewReader("body")), 0)
	response, err := http.Get("http://" + v.srv.Address() + "/quick")
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	check(response, 1)
	assert.Equal(t, 3, events.of(ports.BudgetRequests))
	close(end)
	assert.Equal(t, 200, first.receiveResponse(t).StatusCode)
	assert.Equal(t, 200, v.do(t, "GET", "/quick", nil).StatusCode)
	slots, queued := budgets.Admission().Taken()
	assert.Zero(t, slots+queued)
}

// TestResetsTheRequestThatWaitsLongest checks what the client sees of it.
func TestResetsTheRequestThatWaitsLongest(t *testing.T) {
	open := func(t *testing.T) (http2Server, *shedEvents, func(n int)) {
		events := &shedEvents{}
		budgets := server.NewSmallBudgets(10, 10, 2, clock.New(), events)
		v := overHTTP2(t, usualLimits, bounded(budgets, quick, read, shared))
		return v, events, func(n int) {
			eventually(t, func() bool { return budgets.Waiting().Len() == n })
		}
	}
	const post = "POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"
	const get = "GET /shared HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, c := range map[string]struct{ first, second string }{
		"a body": {post, get}, "a response": {get, post},
	} {
		t.Run("HTTP/1, "+name, func(t *testing.T) {
			v, events, waiting := open(t)
			first, second, third := dial(t, v.srv), dial(t, v.srv), dial(t, v.srv)
			first.send(t, c.first)
			waiting(1)
			second.send(t, c.second)
			waiting(2)
			third.send(t, post)
			eventually(t, func() bool { return events.of(ports.BudgetWaiting) == 1 })
			received, _ := io.Copy(io.Discard, first.Reader)
			assert.Less(t, received, int64(len(large)))
			third.send(t, "body")
			assert.Equal(t, 200, third.receiveResponse(t).StatusCode)
			assert.Equal(t, 1, events.of(ports.BudgetWaiting))
		})
	}
	t.Run("HTTP/2", func(t *testing.T) {
		v, events, waiting := open(t)
		client := v.connect(t)
		client.send(t, http2Preface+windowless+headers(1, 0, methodPost, "/read"))
		waiting(1)
		client.send(t, headers(3, endOfStream, methodGet, "/shared"))
		waiting(2)
		client.send(t, headers(5, endOfStream, methodGet, "/shared"))
		assert.EqualValues(t, 1, client.awaitReset(t), "it waited for a body")
		waiting(2)
		client.send(t, headers(7, endOfStream, methodGet, "/shared"))
		assert.EqualValues(t, 3, client.awaitReset(t), "its response was not read")
		assert.Equal(t, 2, events.of(ports.BudgetWaiting))
		assert.Equal(t, 200, v.do(t, "GET", "/quick", nil).StatusCode)
	})
}

// TestForgetsHeadersWhileWaiting checks that a handler sees no headers once it has read the body.
func TestForgetsHeadersWhileWaiting(t *testing.T) {
	budgets := server.NewSmallBudgets(1, 1, 1, clock.New(), &shedEvents{})
	v := overHTTP2(t, usualLimits, bounded(budgets, read))
	client := dial(t, v.srv)
	client.send(t, "POST /read HTTP/1.1\r\nHost: x\r\nX-Other: other\r\n"+
		"Content-Length: 5\r\n\r\nbody ")
	response, err := http.ReadResponse(client.Reader, nil)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	assert.Equal(t, "body ", string(body))
}

// TestHeldResponsesAreTheSame checks that a response has the same status, headers and body with and
// without budgets, over both protocols.
func TestHeldResponsesAreTheSame(t *testing.T) {
	answers := map[string]server.Handler{
		"/nothing": func(http.ResponseWriter, *http.Request) error { return nil },
		"/empty":   ok,
		"/short": func(w http.ResponseWriter, _ *http.Request) error {
			envelope.WriteJSON(w, http.StatusOK, "short")
			return nil
		},
		"/parts": func(w http.ResponseWriter, _ *http.Request) error {
			w.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, "text, ")
			_, _ = w.(envelope.Keeper).WriteKept([]byte("kept, "))
			_, _ = io.Copy(w, io.LimitReader(strings.NewReader("stream, "), 8))
			_, err := w.Write([]byte("bytes"))
			return err
		},
		"/unmodified": func(w http.ResponseWriter, _ *http.Request) error {
			w.WriteHeader(http.StatusNotModified)
			return nil
		},
		"/panics": func(http.ResponseWriter, *http.Request) error { panic("always") },
	}
	var routes []server.Route
	for pattern, handle := range answers {
		routes = append(routes, server.Route{Pattern: pattern, Handle: handle})
	}
	clock := clock.New()
	held := overHTTP2(t, usualLimits,
		bounded(server.NewSmallBudgets(1, 0, 1, clock, &shedEvents{}), routes...))
	direct := overHTTP2(t, usualLimits, server.NewRouter(routes, clock, silent{},
		slog.New(slog.DiscardHandler)))
	seen := func(v http2Server, http1 bool, method, path string) string {
		client := v.client
		if http1 {
			client = http.DefaultClient
		}
		request, err := http.NewRequest(method, v.base+path, nil)
		require.NoError(t, err)
		request.Header.Set("X-Request-ID", "request-1")
		response, err := client.Do(request)
		require.NoError(t, err)
		defer func() { _ = response.Body.Close() }()
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		response.Header.Del("Date")
		var text strings.Builder
		require.NoError(t, response.Header.Write(&text))
		return response.Status + "\n" + text.String() + "\n" + string(body)
	}
	for path := range answers {
		for _, method := range []string{"GET", "HEAD"} {
			for _, http1 := range []bool{true, false} {
				assert.Equal(t, seen(direct, http1, method, path), seen(held, http1, method, path),
					"%s %s, HTTP/1: %v", method, path, http1)
			}
		}
	}
}

// overHTTP2 serves handler without TLS, and returns a client that speaks HTTP/2.
func overHTTP2(t *testing.T, limits server.Limits, handler http.Handler) http2Server {
	t.Helper()
	srv, err := server.Listen(context.Background(), "127.0.0.1:0", handler, limits,
		server.Handshake{}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	v := http2Server{srv: srv, base: "http://" + srv.Address()}
	v.client = v.newClient(t)
	t.Cleanup(func() {
		ended, cancel := context.WithCancel(context.Background())
		cancel() // what clients left waiting is broken off
		srv.Shutdown(ended)
	})
	return v
}
