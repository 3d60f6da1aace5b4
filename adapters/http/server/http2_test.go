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
	"github.com/offload/sessiond/adapters/system"
	"github.com/offload/sessiond/domain/failure"
	"github.com/offload/sessiond/test/pki"
)

// The frames of HTTP/2 that a client begins with, and a ping (RFC 9113 §3.4, §6.5, §6.7).
const (
	hello        = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	ping         = "\x00\x00\x08\x06\x00\x00\x00\x00\x00" + "12345678"
	halfOfHeader = "\x00\x00\x40\x01\x05\x00\x00\x00\x01" + "\x82\x86"
)

// way is one of the ways on which HTTP/2 comes.
type way struct {
	name, scheme string
	entry        func(t *testing.T, pair pki.Pair) server.Handshake
}

var ways = []way{
	{"in the clear", "http", func(*testing.T, pki.Pair) server.Handshake {
		return server.Handshake{}
	}},
	{"over TLS", "https", func(t *testing.T, pair pki.Pair) server.Handshake {
		certificate := pair.TLS(t)
		return server.Handshake{Certificate: func() *tls.Certificate { return certificate }}
	}},
}

// visit is a server and a client of it who speaks HTTP/2 alone.
type visit struct {
	srv    *server.Server
	client *http.Client
	base   string
	pair   pki.Pair
}

// onBothWays runs test with a server of handler on each way.
func onBothWays(t *testing.T, bounds server.Limits, handler http.Handler,
	test func(t *testing.T, v visit)) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			pair := pki.New(t, "localhost")
			srv, err := server.Listen(context.Background(), "127.0.0.1:0", handler, bounds,
				way.entry(t, pair), slog.New(slog.DiscardHandler))
			require.NoError(t, err)
			v := visit{srv: srv, base: way.scheme + "://" + srv.Address(), pair: pair}
			v.client = v.newClient(t)
			t.Cleanup(func() { srv.Shutdown(context.Background()) })
			test(t, v)
		})
	}
}

// newClient is a client with connections of its own.
func (v visit) newClient(t *testing.T) *http.Client {
	t.Helper()
	var protocols http.Protocols
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: &protocols, TLSClientConfig: pki.Trust(v.pair),
		DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// dial connects as a client who says hello in HTTP/2, and has heard the server's.
func (v visit) dial(t *testing.T) wire {
	t.Helper()
	client := dial(t, v.srv)
	if strings.HasPrefix(v.base, "https") {
		client, _ = dialTLS(t, v.srv, v.pair, "h2")
	}
	client.say(t, hello)
	_, err := io.ReadFull(client.Reader, make([]byte, 9))
	require.NoError(t, err)
	return client
}

func (v visit) ask(t *testing.T, method, path string, body io.Reader) *http.Response {
	t.Helper()
	request, err := http.NewRequest(method, v.base+path, body)
	require.NoError(t, err)
	answer, err := v.client.Do(request)
	require.NoError(t, err)
	t.Cleanup(func() { _ = answer.Body.Close() })
	require.Equal(t, 2, answer.ProtoMajor)
	return answer
}

// usual are bounds that no test reaches.
var usual = server.Limits{Read: patience, Idle: patience, Connections: 100}

func TestHTTP2IsAnsweredAsHTTP1(t *testing.T) {
	handler := server.NewRouter([]server.Route{
		{Pattern: "/a/b", Methods: []string{"GET"}, Handle: ok},
		{Pattern: "/body", Methods: []string{"POST"},
			Handle: func(_ http.ResponseWriter, r *http.Request) error {
				_, err := server.ReadBody(r, 4)
				return err
			}},
		{Pattern: "/unread", Handle: ok},
		{Pattern: "/panic", Handle: func(http.ResponseWriter, *http.Request) error {
			panic("hunter2")
		}},
	}, system.NewClock(), silent{}, slog.New(slog.DiscardHandler))
	onBothWays(t, usual, handler, func(t *testing.T, v visit) {
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
				answer, err := v.client.Do(request)
				require.NoError(t, err)
				defer func() { _ = answer.Body.Close() }()
				assert.Equal(t, 2, answer.ProtoMajor)
				assert.Equal(t, c.status, answer.StatusCode)
				assert.Empty(t, answer.Header.Values("Connection"))
				assert.Empty(t, answer.Header.Values("Location"))
				assert.Equal(t, "no-store", answer.Header.Get("Cache-Control"))
				if c.status != 200 {
					var body struct {
						Error struct {
							Code      string
							RequestID string `json:"request_id"`
						}
					}
					require.NoError(t, json.NewDecoder(answer.Body).Decode(&body))
					assert.Equal(t, c.code.Code(), body.Error.Code)
					assert.Equal(t, answer.Header.Get("X-Request-ID"), body.Error.RequestID)
				}
			})
		}
	})
}

// silent is a traffic that takes down nothing.
type silent struct{}

func (silent) Began()                                      {}
func (silent) Answered(string, string, int, time.Duration) {}

func TestHTTP2InTheClearStandsBesideHTTP1(t *testing.T) {
	srv := listen(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto)
	})
	client := dial(t, srv)
	client.say(t, "PRI /like HTTP/1.1\r\nHost: x\r\n\r\n") // begins as HTTP/2 does
	assert.Equal(t, "HTTP/1.1", client.hear(t).Proto)
	client.say(t, whole)
	assert.Equal(t, http.StatusOK, client.hear(t).StatusCode)
	assert.Zero(t, srv.Shutdown(context.Background()))
}

// TestStreamsThatAreSlow: one whose body does not come is answered within the time for reading, and
// the others on its connection do not wait.
func TestStreamsThatAreSlow(t *testing.T) {
	read := make(chan error, 1)
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			_, err := io.Copy(io.Discard, r.Body)
			read <- err
		}
	})
	onBothWays(t, server.Limits{Read: 2 * time.Second, Idle: patience, Connections: 10}, handler,
		func(t *testing.T, v visit) {
			never, sender := io.Pipe()
			defer func() { _ = sender.Close() }()
			answered := make(chan *http.Response, 1)
			go func() { answered <- v.ask(t, http.MethodPost, "/", never) }()
			assert.Equal(t, http.StatusOK, v.ask(t, http.MethodGet, "/", nil).StatusCode)
			require.Error(t, <-read)
			assert.Equal(t, http.StatusOK, (<-answered).StatusCode)
		})
}

func TestConnectionsOfHTTP2ThatIdleAreLetGo(t *testing.T) {
	onBothWays(t, server.Limits{Read: patience, Idle: 50 * time.Millisecond, Connections: 10},
		http.NotFoundHandler(), func(t *testing.T, v visit) {
			for name, more := range map[string]string{"nothing": "",
				"half of a header": halfOfHeader,
				"pings":            strings.Repeat(ping, 100)} {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					client := v.dial(t)
					client.say(t, more)
					_, err := io.Copy(io.Discard, client.Reader)
					assert.NoError(t, err, "it ends")
				})
			}
		})
}

func TestNoRequestIsWorkedOnForEver(t *testing.T) {
	ended := make(chan struct{}, 2)
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		deadline, bounded := r.Context().Deadline()
		assert.True(t, bounded)
		assert.WithinDuration(t, time.Now().Add(patience+10*time.Second), deadline, patience/2)
		ended <- struct{}{}
	})
	onBothWays(t, usual, handler, func(t *testing.T, v visit) {
		v.ask(t, http.MethodGet, "/", nil)
		<-ended
	})
	srv := listen(t, handler)
	client := dial(t, srv)
	client.say(t, whole)
	client.hear(t)
	<-ended
	srv.Shutdown(context.Background())
}

// TestShutdownFinishesHTTP2: what is under way is answered whole, and a client that asks nothing
// keeps nobody waiting.
func TestShutdownFinishesHTTP2(t *testing.T) {
	begun, finish := make(chan struct{}, 10), make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			begun <- struct{}{}
			<-finish
			_, _ = io.WriteString(w, strings.Repeat("x", 1<<20))
		}
	})
	onBothWays(t, usual, handler, func(t *testing.T, v visit) {
		finish = make(chan struct{})
		idle, pinging := v.newClient(t), v.dial(t)
		answer, err := idle.Get(v.base)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		pinging.say(t, ping)
		const slow = 5
		answers := make(chan int, slow)
		for range slow {
			go func() {
				body, err := io.ReadAll(v.ask(t, http.MethodGet, "/slow", nil).Body)
				assert.NoError(t, err)
				answers <- len(body)
			}()
		}
		for range slow {
			<-begun
		}
		stopped := make(chan int, 1)
		go func() { stopped <- v.srv.Shutdown(context.Background()) }()
		awaitClosed(t, v.srv)
		_, err = io.Copy(io.Discard, pinging.Reader)
		require.NoError(t, err, "it is closed, though requests are under way elsewhere")
		select {
		case <-stopped:
			require.Fail(t, "the server stopped before all was answered")
		default:
		}
		close(finish)
		for range slow {
			assert.Equal(t, 1<<20, <-answers)
		}
		assert.Zero(t, <-stopped, "nothing was broken off")
	})
}

// goAway begins the frame that says that nothing more is taken (RFC 9113 §6.8).
const goAway = "\x00\x00\x08\x07\x00\x00\x00\x00\x00"

// TestHTTP2BelongsToAServerOfItsOwn holds net/http to what newHTTP2 stands on and no documentation
// promises: the Shutdown of the server that never served tells the clients of the one that serves,
// and touches nothing else.
func TestHTTP2BelongsToAServerOfItsOwn(t *testing.T) {
	onBothWays(t, usual, http.NotFoundHandler(), func(t *testing.T, v visit) {
		client := v.dial(t)
		client.say(t, ping)
		v.srv.PartHTTP2()
		heard, err := io.ReadAll(client.Reader)
		require.NoError(t, err)
		assert.Contains(t, string(heard), goAway)
		assert.Equal(t, http.StatusNotFound, v.ask(t, http.MethodGet, "/", nil).StatusCode,
			"newcomers are served")
	})
}

// TestShutdownTellsHTTP2 at once that nothing more is taken, so that no request is sent in vain.
func TestShutdownTellsHTTP2(t *testing.T) {
	onBothWays(t, usual, http.NotFoundHandler(), func(t *testing.T, v visit) {
		client := v.dial(t)
		client.say(t, ping)
		stopped := make(chan int, 1)
		go func() { stopped <- v.srv.Shutdown(context.Background()) }()
		heard, err := io.ReadAll(client.Reader)
		require.NoError(t, err)
		assert.Contains(t, string(heard), goAway)
		assert.Zero(t, <-stopped)
	})
}

func TestShutdownBreaksOffStreams(t *testing.T) {
	begun := make(chan struct{}, 1)
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		<-r.Context().Done()
	})
	onBothWays(t, usual, handler, func(t *testing.T, v visit) {
		failed := make(chan error, 1)
		go func() {
			answer, err := v.client.Get(v.base)
			if err == nil {
				_ = answer.Body.Close()
			}
			failed <- err
		}()
		<-begun
		ctx, cancel := context.WithCancel(context.Background())
		stopped := make(chan int, 1)
		go func() { stopped <- v.srv.Shutdown(ctx) }()
		awaitClosed(t, v.srv)
		cancel()
		assert.Equal(t, 1, <-stopped)
		assert.Error(t, <-failed)
	})
}

// TestShutdownUnderLoadLosesNothingOfHTTP2: every request that was worked on is answered, and its
// client has the answer.
func TestShutdownUnderLoadLosesNothingOfHTTP2(t *testing.T) {
	var served atomic.Int64
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		served.Add(1)
		_, _ = io.WriteString(w, "whole")
	})
	onBothWays(t, usual, handler, func(t *testing.T, v visit) {
		served.Store(0)
		var got atomic.Int64
		var group sync.WaitGroup
		busy := make(chan struct{}, 1)
		for range 4 {
			client := v.newClient(t)
			for range 8 {
				group.Go(func() {
					for {
						answer, err := client.Get(v.base)
						if err != nil {
							return
						}
						body, err := io.ReadAll(answer.Body)
						_ = answer.Body.Close()
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
			<-busy
		}
		assert.Zero(t, v.srv.Shutdown(context.Background()))
		group.Wait()
		assert.Equal(t, served.Load(), got.Load())
	})
}
