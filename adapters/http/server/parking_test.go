package server_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/test/pki"
)

// goroutinesIn returns how many goroutines are in a function.
func goroutinesIn(function string) int {
	stacks := make([]byte, 8<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	return strings.Count(string(stacks), function+"(")
}

// waitingForRequest is the function in which each parked connection has a goroutine.
const waitingForRequest = "server.(*parking).wait"

// awaitParked waits until all connections are parked: net/http has a goroutine for each that it
// serves, which has its buffers.
func awaitParked(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { return goroutinesIn("net/http.(*conn).serve") == 0 },
		timeout, 10*time.Millisecond, "net/http still serves a connection without a request")
}

func TestParksConnectionsWithoutRequest(t *testing.T) {
	pair := pki.New(t, "localhost")
	address := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.RemoteAddr)
	}
	inClear := listen(t, address)
	t.Cleanup(func() { shutdown(inClear) })
	overTLS := listenTLS(t, pair, unreached, address)
	behind := behindProxy(t, server.Handshake{RequiresProxyHeader: requireFromLoopback}, unreached,
		slog.New(slog.DiscardHandler))
	for name, connect := range map[string]func(t *testing.T) wire{
		"in clear": func(t *testing.T) wire { return dial(t, inClear) },
		"over TLS": func(t *testing.T) wire {
			client, _ := dialTLS(t, overTLS, pair, "http/1.1")
			return client
		},
		"behind a proxy": func(t *testing.T) wire {
			client := dial(t, behind)
			client.send(t, "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n")
			return client
		},
	} {
		t.Run(name, func(t *testing.T) {
			client := connect(t)
			want := client.LocalAddr().String()
			if name == "behind a proxy" {
				want = "192.0.2.1:1"
			}
			awaitParked(t)                            // before the first request
			for _, requests := range []int{1, 2, 2} { // two are pipelined
				client.send(t, strings.Repeat(request, requests))
				for range requests {
					response, err := http.ReadResponse(client.Reader, nil)
					require.NoError(t, err)
					body, err := io.ReadAll(response.Body)
					require.NoError(t, err)
					assert.Equal(t, want, string(body))
				}
				if requests == 2 {
					awaitParked(t)
				}
			}
		})
	}
}

// TestPartOfARequestIsNotParked checks that no byte of a request is lost if its first bytes came
// together with the request before it, and the others only after the connection could be parked.
func TestPartOfARequestIsNotParked(t *testing.T) {
	pair := pki.New(t, "localhost")
	target := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Method+" "+r.RequestURI)
	}
	inClear := listen(t, target)
	t.Cleanup(func() { shutdown(inClear) })
	overTLS := listenTLS(t, pair, unreached, target)
	const first = "POST /first HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
	const second = "GET /second HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, connect := range map[string]func(t *testing.T) wire{
		"in clear": func(t *testing.T) wire { return dial(t, inClear) },
		"over TLS": func(t *testing.T) wire {
			client, _ := dialTLS(t, overTLS, pair, "http/1.1")
			return client
		},
	} {
		for part := 1; part <= 4; part++ {
			t.Run(fmt.Sprintf("%d bytes %s", part, name), func(t *testing.T) {
				t.Parallel()
				client := connect(t)
				respondsTo := func(want string) {
					response, err := http.ReadResponse(client.Reader, nil)
					require.NoError(t, err)
					body, err := io.ReadAll(response.Body)
					require.NoError(t, err)
					assert.Equal(t, want, string(body))
				}
				client.send(t, first+second[:part])
				respondsTo("POST /first")
				time.Sleep(1500 * time.Millisecond) // longer than it takes to be parked
				client.send(t, second[part:])
				respondsTo("GET /second")
			})
		}
	}
}

func TestShutdownWithParkedConnections(t *testing.T) {
	pair := pki.New(t, "localhost")
	certificate := pair.TLS(t)
	for name, handshake := range map[string]server.Handshake{
		"in clear": {},
		"over TLS": {Certificate: func() *tls.Certificate { return certificate }},
	} {
		t.Run(name, func(t *testing.T) {
			eventually(t, func() bool {
				srv, err := server.Listen(context.Background(), "127.0.0.1:0",
					http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}),
					server.Limits{Read: unreached, Idle: unreached, Connections: 10}, handshake,
					slog.New(slog.DiscardHandler))
				require.NoError(t, err)
				connect := func() wire {
					if handshake.Certificate == nil {
						return dial(t, srv)
					}
					client, _ := dialTLS(t, srv, pair, "http/1.1")
					return client
				}
				late, silent := connect(), connect()
				for _, client := range []wire{late, silent} {
					client.send(t, request)
					client.receiveResponse(t)
				}
				awaitParked(t)
				ended := make(chan int, 1)
				go func() { ended <- shutdown(srv) }()
				awaitListenerClosed(t, srv)
				late.trySend(request) // on its way when the server stopped
				response, err := http.ReadResponse(late.Reader, nil)
				assert.Zero(t, receive(t, ended))
				silent.awaitEnd(t, "a parked connection of a server that stopped")
				return err == nil && response.Close
			})
		})
	}
	assert.Eventually(t, func() bool { return goroutinesIn(waitingForRequest) == 0 },
		timeout, 10*time.Millisecond, "goroutines of parked connections are left")
}
