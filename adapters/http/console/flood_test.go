package console_test

import (
	"bufio"
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/offload/sessiond/adapters/http/console"
	"github.com/offload/sessiond/adapters/http/server"
)

// waited is how long a test waits for anything before it treats it as a hang.
const waited = time.Minute

// pipes is a listener whose connections have no buffers: a response that is not read blocks at its
// first byte, on every machine and with every kernel.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

// Accept implements net.Listener.
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

// Addr implements net.Listener.
func (*pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9090} }

// dial returns the client's end of a new connection.
func (p *pipes) dial(t *testing.T) net.Conn {
	t.Helper()
	client, served := net.Pipe()
	select {
	case p.conns <- viewer{served}:
	case <-time.After(waited):
		require.Fail(t, "timed out waiting for the connection to be accepted")
	}
	require.NoError(t, client.SetDeadline(time.Now().Add(waited)))
	return client
}

// viewer is a connection of a client that has an address.
type viewer struct{ net.Conn }

// RemoteAddr implements net.Conn.
func (viewer) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// TestFloodOfViewers has as many viewers as the listener admits ask a hundred times each, and read
// nothing. One more gets every form of the console nevertheless, and none of it is rendered twice.
func TestFloodOfViewers(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	source := &countingKeys{}
	w := newWorld(t, func(p *console.Parts) {
		source.KeySource = p.Keys
		p.Keys = source
	})
	const connections = 32
	listener := newPipes()
	srv := server.Serve(listener, w.router, server.Limits{Connections: connections,
		Read: waited, Idle: waited}, server.Handshake{}, slog.New(slog.DiscardHandler))
	var flood sync.WaitGroup
	defer flood.Wait()
	defer srv.Shutdown(ended()) // closes the connections

	const request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
	for range connections - 1 {
		conn := listener.dial(t)
		begun := make(chan struct{})
		flood.Go(func() {
			_, err := conn.Write([]byte(request))
			assert.NoError(t, err)
			close(begun)
			_, err = conn.Write([]byte(strings.Repeat(request, 99)))
			assert.Error(t, err, "the server reads no further requests while this one is unread")
		})
		select {
		case <-begun:
		case <-time.After(waited):
			require.Fail(t, "timed out waiting for a request of the flood to be read")
		}
	}
	last := listener.dial(t)
	defer func() { _ = last.Close() }()
	answers := bufio.NewReader(last)
	for _, path := range []string{"/", "/?paused", "/console.json", "/", "/console.json"} {
		_, err := last.Write([]byte(strings.Replace(request, "/", path, 1)))
		require.NoError(t, err)
		response, err := http.ReadResponse(answers, nil)
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, response.StatusCode)
		assert.NoError(t, response.Body.Close())
	}
	assert.Equal(t, 3, source.read(), "each form is rendered once")
}

// ended returns a context that has ended, so that a shutdown waits for nothing.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
