package server_test

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/http/server"
)

// pipes is a listener whose connections are in memory, so that their deadlines are timers of the
// bubble in which they are created.
type pipes struct {
	accepted chan net.Conn
	closed   chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.accepted:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	close(p.closed)
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Net: "unix", Name: "pipes"} }

// timed is a connection to a server under the clock of a bubble.
type timed struct {
	wire
	t *testing.T
}

// underFakeClock calls test with a connection to a server that has the given limits, in a bubble.
func underFakeClock(t *testing.T, limits server.Limits, test func(client timed)) {
	t.Helper()
	require.Eventually(t, func() bool { return goroutinesIn(waitingForRequest) == 0 },
		timeout, 10*time.Millisecond, "a connection of another test is parked")
	synctest.Test(t, func(t *testing.T) {
		limits.Connections = 10
		listener := &pipes{accepted: make(chan net.Conn), closed: make(chan struct{})}
		srv := server.Serve(listener,
			http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), limits,
			server.Handshake{}, slog.New(slog.DiscardHandler))
		defer shutdown(srv)
		conn, accepted := net.Pipe()
		defer func() { _ = conn.Close() }()
		listener.accepted <- accepted
		test(timed{wire{conn, bufio.NewReader(conn)}, t})
	})
}

// pass lets d pass, and then waits until the server has done everything that is due.
func (c timed) pass(d time.Duration) {
	c.t.Helper()
	time.Sleep(d) // of the bubble's clock
	synctest.Wait()
}

// passParked lets d pass, and requires that the connection is parked then.
func (c timed) passParked(d time.Duration) {
	c.t.Helper()
	c.pass(d)
	require.Equal(c.t, 1, goroutinesIn(waitingForRequest), "the connection is not parked")
}

// requireResponse sends the rest of a request and requires that the server responds.
func (c timed) requireResponse(rest string) {
	c.t.Helper()
	c.send(c.t, rest)
	require.Equal(c.t, http.StatusOK, c.receiveResponse(c.t).StatusCode)
}

// requireEndAfter requires that the server closes the connection after d, and not before.
func (c timed) requireEndAfter(d time.Duration) {
	c.t.Helper()
	start := time.Now()
	_, err := io.Copy(io.Discard, c.Reader) // a response too, if the headers had begun
	require.NoError(c.t, err)
	assert.Equal(c.t, d, time.Since(start), "when the connection ended")
}

const (
	// untilParked is longer than it takes to be parked, and shorter than every limit here.
	untilParked = 2 * time.Second
	short       = 10 * time.Second
	long        = time.Hour
)

func TestParkedConnectionKeepsItsDeadlines(t *testing.T) {
	t.Run("before the first request", func(t *testing.T) {
		underFakeClock(t, server.Limits{Read: short, Idle: long}, func(client timed) {
			client.passParked(untilParked)
			client.requireEndAfter(short - untilParked)
		})
	})
	t.Run("between requests", func(t *testing.T) {
		underFakeClock(t, server.Limits{Read: long, Idle: short}, func(client timed) {
			client.requireResponse(request)
			client.passParked(untilParked)
			client.requireEndAfter(short - untilParked)
		})
	})
	t.Run("within the first request", func(t *testing.T) {
		underFakeClock(t, server.Limits{Read: short, Idle: long}, func(client timed) {
			client.passParked(untilParked)
			client.send(t, request[:1])
			client.requireEndAfter(short - untilParked)
		})
	})
}

// TestParkedConnectionHasTimeForItsNextRequest checks that a request which ends the wait of a
// parked connection may take as long as any other: the deadline of the wait does not bound it.
func TestParkedConnectionHasTimeForItsNextRequest(t *testing.T) {
	underFakeClock(t, server.Limits{Read: long, Idle: short}, func(client timed) {
		client.requireResponse(request)
		client.passParked(untilParked)
		client.send(t, request[:1])
		client.pass(short)
		client.requireResponse(request[1:])
	})
}

// TestParkedConnectionWaitsAnewAfterARequest checks that a connection that was parked before a
// request may wait for the one after it for as long as any other: the deadline of the wait that the
// first request ended does not bound it.
func TestParkedConnectionWaitsAnewAfterARequest(t *testing.T) {
	t.Run("parked before the first request", func(t *testing.T) {
		underFakeClock(t, server.Limits{Read: short, Idle: long}, func(client timed) {
			client.passParked(untilParked)
			client.requireResponse(request)
			client.passParked(short)
			client.requireEndAfter(long - short)
		})
	})
	t.Run("parked between requests", func(t *testing.T) {
		underFakeClock(t, server.Limits{Read: long, Idle: short}, func(client timed) {
			client.requireResponse(request)
			client.passParked(short - time.Second)
			client.requireResponse(request)
			client.passParked(short - time.Second)
			client.requireEndAfter(time.Second)
		})
	})
}
