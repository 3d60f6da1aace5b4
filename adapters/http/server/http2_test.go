package server_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/adapters/system/clock"
	"github.com/offload/sessiond/domain/failure"
	"github.com/offload/sessiond/test/pki"
)

// These are the HTTP/2 frames that a client begins with, and a ping (RFC 9113 §3.4, §6.5, §6.7).
const (
	http2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	ping         = "\x00\x00\x08\x06\x00\x00\x00\x00\x00" + "12345678"
	halfOfHeader = "\x00\x00\x40\x01\x05\x00\x00\x00\x01" + "\x82\x86"
)

// transport is one of the transports of HTTP/2.
type transport struct {
	name, scheme string
	entry        func(t *testing.T, pair pki.Pair) server.Handshake
}

var transports = []transport{
	{"without TLS", "http", func(*testing.T, pki.Pair) server.Handshake {
		return server.Handshake{}
	}},
	{"over TLS", "https", func(t *testing.T, pair pki.Pair) server.Handshake {
		certificate := pair.TLS(t)
		return server.Handshake{Certificate: func() *tls.Certificate { return certificate }}
	}},
}

// http2Server is a server with a client that speaks only HTTP/2.
type http2Server struct {
	srv    *server.Server
	client *http.Client
	base   string
	pair   pki.Pair
}

// onBothTransports runs test over each transport, with a server for handler.
func onBothTransports(t *testing.T, bounds server.Limits, handler http.Handler,
	test func(t *testing.T, v http2Server)) {
	for _, transport := range transports {
		t.Run(transport.name, func(t *testing.T) {
			pair := pki.New(t, "localhost")
			srv, err := server.Listen(context.Background(), "127.0.0.1:0", handler, bounds,
				transport.entry(t, pair), slog.New(slog.DiscardHandler))
			require.NoError(t, err)
			v := http2Server{srv: srv, base: transport.scheme + "://" + srv.Address(), pair: pair}
			v.client = v.newClient(t)
			t.Cleanup(func() { shutdown(srv) })
			test(t, v)
		})
	}
}

// newClient returns a client with connections of its own.
func (v http2Server) newClient(t *testing.T) *http.Client {
	t.Helper()
	var protocols http.Protocols
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: &protocols, TLSClientConfig: pki.Trust(v.pair),
		DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: timeout}
}

// dial connects, sends the HTTP/2 preface, and waits for the server's.
func (v http2Server) dial(t *testing.T) wire {
	t.Helper()
	client := v.connect(t)
	client.send(t, http2Preface)
	_, err := io.ReadFull(client.Reader, make([]byte, 9))
	require.NoError(t, err)
	return client
}

// connect connects without sending anything of HTTP/2.
func (v http2Server) connect(t *testing.T) wire {
	t.Helper()
	if strings.HasPrefix(v.base, "https") {
		client, _ := dialTLS(t, v.srv, v.pair, "h2")
		return client
	}
	return dial(t, v.srv)
}

func (v http2Server) do(t *testing.T, method, path string, body io.Reader) *http.Response {
	t.Helper()
	request, err := http.NewRequest(method, v.base+path, body)
	require.NoError(t, err)
	response, err := v.client.Do(request)
	require.NoError(t, err)
	t.Cleanup(func() { _ = response.Body.Close() })
	require.Equal(t, 2, response.ProtoMajor)
	return response
}

// usualLimits are limits that no test reaches.
var usualLimits = server.Limits{Read: unreached, Idle: unreached, Connections: 100}

func TestHTTP2GetsSameResponsesAsHTTP1(t *testing.T) {
	handler := server.NewRouter([]server.Route{
		{Pattern: "/a/b", Methods: []string{"GET"}, Handle: ok},
		{Pattern: "/body", Methods: []string{"POST"},
			Handle: func(w http.ResponseWriter, r *http.Request) error {
				_, err := server.ReadBody(w, r, 4)
				return err
			}},
		{Pattern: "/unread", Handle: ok},
		{Pattern: "/panic", Handle: func(http.ResponseWriter, *http.Request) error {
			panic("hunter2")
		}},
	}, clock.New(), silent{}, slog.New(slog.DiscardHandler))
	onBothTransports(t, usualLimits, handler, func(t *testing.T, v http2Server) {
		for _, c := range []struct {
			method string
			path   string
			body   io.Reader
			status int
			code   failure.Kind
		}{
			{"GET", "/a/b", nil, 200, 0}, {"HEAD", "/a/b?x", nil, 200, 0},
			{"GET", "//a/b", nil, 404, failure.NotFound},
			{"GET", "/a/./b", nil, 404, failure.NotFound},
			{"GET", "/a/x/../b", nil, 404, failure.NotFound},
			{"GET", "/a%2Fb", nil, 404, failure.NotFound},
			{"GET", "/%61/b", nil, 404, failure.NotFound}, {"GET", "/", nil, 404, failure.NotFound},
			{"OPTIONS", "*", nil, 404, failure.NotFound},
			{"OPTIONS", "/a/b", nil, 405, failure.MethodNotAllowed},
			{"CONNECT", "", nil, 404, failure.NotFound},
			{"TRACE", "/a/b", nil, 405, failure.MethodNotAllowed},
			{"BREW", "/a/b", nil, 405, failure.MethodNotAllowed},
			{"POST", "/body", strings.NewReader("four"), 200, 0},
			{"POST", "/body", strings.NewReader("fives"), 413, failure.PayloadTooLarge},
			{"POST", "/body", struct{ io.Reader }{strings.NewReader(strings.Repeat("x", 1<<20))},
				413, failure.PayloadTooLarge},
			{"POST", "/unread", strings.NewReader(strings.Repeat("x", 1<<20)), 200, 0},
			{"GET", "/panic", nil, 500, failure.Internal},
		} {
			t.Run(c.method+" "+c.path, func(t *testing.T) {
				request, err := http.NewRequest(c.method, v.base, c.body)
				require.NoError(t, err)
				if c.path != "" {
					request.URL.Path, request.URL.RawQuery, _ = strings.Cut(c.path, "?")
					if strings.Contains(c.path, "%") {
						request.URL.RawPath = c.path
						request.URL.Path, err = url.PathUnescape(c.path)
						require.NoError(t, err)
					}
					if c.path == "*" {
						request.URL.Path, request.URL.Opaque = "", "*"
					}
				}
				response, err := v.client.Do(request)
				require.NoError(t, err)
				defer func() { _ = response.Body.Close() }()
				assert.Equal(t, 2, response.ProtoMajor)
				assert.Equal(t, c.status, response.StatusCode)
				assert.Empty(t, response.Header.Values("Connection"))
				assert.Empty(t, response.Header.Values("Location"))
				assert.Equal(t, "no-store", response.Header.Get("Cache-Control"))
				if c.status != 200 {
					var body struct {
						Error struct {
							Code      string
							RequestID string `json:"request_id"`
						}
					}
					require.NoError(t, json.NewDecoder(response.Body).Decode(&body))
					assert.Equal(t, c.code.Code(), body.Error.Code)
					assert.Equal(t, response.Header.Get("X-Request-ID"), body.Error.RequestID)
				}
			})
		}
	})
}

// silent is a server.Traffic that discards everything.
type silent struct{}

func (silent) Began()                                      {}
func (silent) Answered(string, string, int, time.Duration) {}

func TestServesHTTP1BesideUnencryptedHTTP2(t *testing.T) {
	srv := listen(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto)
	})
	client := dial(t, srv)
	client.send(t, "PRI /like HTTP/1.1\r\nHost: x\r\n\r\n") // begins like the HTTP/2 preface
	assert.Equal(t, "HTTP/1.1", client.receiveResponse(t).Proto)
	client.send(t, request)
	assert.Equal(t, http.StatusOK, client.receiveResponse(t).StatusCode)
	assert.Zero(t, shutdown(srv))
}

// TestSlowStreamDelaysNoOther checks that a stream whose body does not arrive is answered within
// the read limit, and does not delay other streams on its connection.
func TestSlowStreamDelaysNoOther(t *testing.T) {
	read := make(chan error, 1)
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			_, err := io.Copy(io.Discard, r.Body)
			read <- err
		}
	})
	limits := server.Limits{Read: 2 * time.Second, Idle: unreached, Connections: 10}
	onBothTransports(t, limits, handler,
		func(t *testing.T, v http2Server) {
			// The handshake has the same short limit, so it may need several attempts.
			require.Eventually(t, func() bool {
				response, err := v.client.Get(v.base)
				if err != nil {
					return false
				}
				return assert.NoError(t, response.Body.Close())
			}, 2*timeout, time.Millisecond, "no connection was established")
			never, sender := io.Pipe()
			defer func() { _ = sender.Close() }()
			answered := make(chan *http.Response, 1)
			go func() { answered <- v.do(t, http.MethodPost, "/", never) }()
			assert.Equal(t, http.StatusOK, v.do(t, http.MethodGet, "/", nil).StatusCode)
			require.Error(t, receive(t, read))
			assert.Equal(t, http.StatusOK, receive(t, answered).StatusCode)
		})
}

func TestClosesIdleHTTP2Connections(t *testing.T) {
	onBothTransports(t, server.Limits{Read: unreached, Idle: 50 * time.Millisecond, Connections: 10},
		http.NotFoundHandler(), func(t *testing.T, v http2Server) {
			for name, more := range map[string]string{"nothing": "",
				"a truncated header block": halfOfHeader,
				"pings":                    strings.Repeat(ping, 100)} {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					client := v.connect(t)
					// in one write: the connection is idle as soon as the preface is sent
					client.trySend(http2Preface + more)
					client.awaitEnd(t, "an idle connection is closed")
				})
			}
		})
}

// TestShutdownCompletesHTTP2Requests checks that requests in progress are answered completely, and
// that a client without requests delays nothing.
func TestShutdownCompletesHTTP2Requests(t *testing.T) {
	begun, finish := make(chan struct{}, 10), make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			begun <- struct{}{}
			<-finish
			_, _ = io.WriteString(w, strings.Repeat("x", 1<<20))
		}
	})
	onBothTransports(t, usualLimits, handler, func(t *testing.T, v http2Server) {
		finish = make(chan struct{})
		idle, pinging := v.newClient(t), v.dial(t)
		response, err := idle.Get(v.base)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		pinging.send(t, ping)
		const slow = 5
		answers := make(chan int, slow)
		for range slow {
			go func() {
				body, err := io.ReadAll(v.do(t, http.MethodGet, "/slow", nil).Body)
				assert.NoError(t, err)
				answers <- len(body)
			}()
		}
		for range slow {
			receive(t, begun)
		}
		stopped := make(chan int, 1)
		go func() { stopped <- shutdown(v.srv) }()
		awaitListenerClosed(t, v.srv)
		_, err = io.Copy(io.Discard, pinging.Reader)
		require.NoError(t, err, "closed although other connections have requests in progress")
		select {
		case <-stopped:
			require.Fail(t, "the server stopped before all requests were answered")
		default:
		}
		close(finish)
		for range slow {
			assert.Equal(t, 1<<20, receive(t, answers))
		}
		assert.Zero(t, receive(t, stopped), "nothing was broken off")
	})
}

// goAway is the beginning of a GOAWAY frame (RFC 9113 §6.8).
const goAway = "\x00\x00\x08\x07\x00\x00\x00\x00\x00"

// TestHTTP2BelongsToSecondServer checks the undocumented behaviour of net/http on which
// newHTTP2Owner relies: Shutdown of the server that never served sends GOAWAY to the clients of the
// one that serves, and changes nothing else.
func TestHTTP2BelongsToSecondServer(t *testing.T) {
	onBothTransports(t, usualLimits, http.NotFoundHandler(), func(t *testing.T, v http2Server) {
		client := v.dial(t)
		client.send(t, ping)
		v.srv.GoAwayHTTP2()
		received, err := io.ReadAll(client.Reader)
		require.NoError(t, err)
		assert.Contains(t, string(received), goAway)
		assert.Equal(t, http.StatusNotFound, v.do(t, http.MethodGet, "/", nil).StatusCode,
			"new connections are served")
	})
}

// TestShutdownSendsGoAwayAtOnce checks that clients get GOAWAY at once, so that they send no
// request that would fail.
func TestShutdownSendsGoAwayAtOnce(t *testing.T) {
	onBothTransports(t, usualLimits, http.NotFoundHandler(), func(t *testing.T, v http2Server) {
		client := v.dial(t)
		client.send(t, ping)
		stopped := make(chan int, 1)
		go func() { stopped <- shutdown(v.srv) }()
		received, err := io.ReadAll(client.Reader)
		require.NoError(t, err)
		assert.Contains(t, string(received), goAway)
		assert.Zero(t, receive(t, stopped))
	})
}

func TestShutdownBreaksOffStreams(t *testing.T) {
	begun := make(chan struct{}, 1)
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		<-r.Context().Done()
	})
	onBothTransports(t, usualLimits, handler, func(t *testing.T, v http2Server) {
		failed := make(chan error, 1)
		go func() {
			response, err := v.client.Get(v.base)
			if err == nil {
				_ = response.Body.Close()
			}
			failed <- err
		}()
		receive(t, begun)
		ctx, cancel := context.WithCancel(context.Background())
		stopped := make(chan int, 1)
		go func() { stopped <- v.srv.Shutdown(ctx) }()
		awaitListenerClosed(t, v.srv)
		cancel()
		assert.Equal(t, 1, receive(t, stopped))
		assert.Error(t, receive(t, failed))
	})
}

// TestShutdownUnderLoadLosesNoHTTP2Response checks that the client receives the response to every
// request that was processed.
func TestShutdownUnderLoadLosesNoHTTP2Response(t *testing.T) {
	var served atomic.Int64
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		served.Add(1)
		_, _ = io.WriteString(w, "whole")
	})
	onBothTransports(t, usualLimits, handler, func(t *testing.T, v http2Server) {
		served.Store(0)
		var got atomic.Int64
		var group sync.WaitGroup
		busy := make(chan struct{}, 1)
		for range 4 {
			client := v.newClient(t)
			for range 8 {
				group.Go(func() {
					for {
						response, err := client.Get(v.base)
						if err != nil {
							return
						}
						body, err := io.ReadAll(response.Body)
						_ = response.Body.Close()
						if assert.NoError(t, err) && assert.Equal(t, "whole", string(body)) {
							got.Add(1)
						}
						select {
						case busy <- struct{}{}:
						default:
						}
					}
				})
			}
		}
		for range 200 {
			receive(t, busy)
		}
		assert.Zero(t, shutdown(v.srv))
		group.Wait()
		assert.Equal(t, served.Load(), got.Load())
	})
}
