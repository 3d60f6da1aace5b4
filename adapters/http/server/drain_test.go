package server_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/http/server"
)

// timeout is how long a test waits for anything before it counts as a hang.
const timeout = 60 * time.Second

// unreached is for the limits of a server that a test must not reach.
const unreached = time.Hour

// receive returns the next value of ch, and fails if none comes.
func receive[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case value := <-ch:
		return value
	case <-time.After(timeout):
		require.FailNow(t, "timed out receiving from a channel")
		panic("unreachable")
	}
}

// shutdown shuts srv down and returns on how many connections a request was broken off. What is
// not complete by the timeout is broken off.
func shutdown(srv *server.Server) int {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return srv.Shutdown(ctx)
}

// listen serves handler on a port that the system chooses.
func listen(t *testing.T, handler http.HandlerFunc) *server.Server {
	t.Helper()
	srv, err := server.Listen(context.Background(), "127.0.0.1:0", handler,
		server.Limits{Read: unreached, Idle: unreached, Connections: 100}, server.Handshake{},
		slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return srv
}

// wire is one connection to a server.
type wire struct {
	net.Conn
	*bufio.Reader
}

func dial(t *testing.T, srv *server.Server) wire {
	t.Helper()
	conn, err := net.Dial("tcp", srv.Address())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(timeout)))
	return wire{conn, bufio.NewReader(conn)}
}

func (w wire) send(t *testing.T, text string) {
	t.Helper()
	_, err := io.WriteString(w.Conn, text)
	require.NoError(t, err)
}

// trySend sends text that the server may not read, because it may have closed the connection.
func (w wire) trySend(text string) { _, _ = io.WriteString(w.Conn, text) }

// awaitEnd reads until the server closes the connection. If it does so with input unread, that is
// a reset.
func (w wire) awaitEnd(t *testing.T, what string) {
	t.Helper()
	if _, err := io.Copy(io.Discard, w.Reader); err != nil {
		assert.ErrorIs(t, err, syscall.ECONNRESET, what)
	}
}

func (w wire) receiveResponse(t *testing.T) *http.Response {
	t.Helper()
	response, err := http.ReadResponse(w.Reader, nil)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(t, err)
	return response
}

// awaitListenerClosed waits until the listener accepts no more connections.
func awaitListenerClosed(t *testing.T, srv *server.Server) {
	t.Helper()
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", srv.Address())
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	}, timeout, time.Millisecond, "the listener still accepts connections")
}

// request is a complete request.
const request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

func TestShutdownLosesNoRequest(t *testing.T) {
	begun := make(chan struct{})
	srv := listen(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			close(begun)
		}
		_, _ = io.Copy(io.Discard, r.Body)
	})
	body := dial(t, srv)
	body.send(t, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nha")
	receive(t, begun)
	headers, second, next, idle := dial(t, srv), dial(t, srv), dial(t, srv), dial(t, srv)
	headers.send(t, request[:10])
	for _, kept := range []wire{second, next, idle} {
		kept.send(t, request)
		assert.False(t, kept.receiveResponse(t).Close)
	}
	second.send(t, request[:10])

	stopped := make(chan int, 1)
	go func() { stopped <- shutdown(srv) }()
	awaitListenerClosed(t, srv)
	for _, late := range []struct {
		wire
		rest string
	}{{headers, request[10:]}, {second, request[10:]}, {next, request}, {body, "lf"}} {
		select {
		case <-stopped:
			require.Fail(t, "the server stopped before all requests were answered")
		default:
		}
		late.send(t, late.rest)
		assert.Equal(t, http.StatusOK, late.receiveResponse(t).StatusCode)
	}
	assert.Zero(t, receive(t, stopped), "nothing was broken off")
	_, err := idle.ReadByte()
	require.ErrorIs(t, err, io.EOF, "a connection without a request delays nothing")
	assert.ErrorIs(t, receive(t, srv.Done()), http.ErrServerClosed)
}

// TestShutdownWaitsForAPipelinedRequest checks that a request is in progress of which the first
// bytes came with the request before it.
func TestShutdownWaitsForAPipelinedRequest(t *testing.T) {
	srv := listen(t, func(http.ResponseWriter, *http.Request) {})
	client := dial(t, srv)
	client.send(t, request+request[:10])
	assert.Equal(t, http.StatusOK, client.receiveResponse(t).StatusCode)
	stopped := make(chan int, 1)
	go func() { stopped <- shutdown(srv) }()
	awaitListenerClosed(t, srv)
	time.Sleep(time.Second) // longer than idle connections have
	client.send(t, request[10:])
	assert.Equal(t, http.StatusOK, client.receiveResponse(t).StatusCode)
	assert.Zero(t, receive(t, stopped))
}

// eventually passes if attempt succeeds at least once. Two consecutive states of a stopping server
// cannot be distinguished from outside. What holds only in the later one does not hold in every
// attempt, and what never holds succeeds in none.
func eventually(t *testing.T, attempt func() bool) {
	t.Helper()
	for end := time.Now().Add(timeout); time.Now().Before(end); {
		if attempt() {
			return
		}
	}
	assert.Fail(t, "no attempt succeeded")
}

// TestShutdownAnswersRequestOnIdleConnection checks that Shutdown waits a moment for the next
// request on an idle connection, which may be on its way.
func TestShutdownAnswersRequestOnIdleConnection(t *testing.T) {
	eventually(t, func() bool {
		srv := listen(t, func(http.ResponseWriter, *http.Request) {})
		kept := dial(t, srv)
		kept.send(t, request)
		assert.False(t, kept.receiveResponse(t).Close)
		stopped := make(chan int, 1)
		go func() { stopped <- shutdown(srv) }()
		awaitListenerClosed(t, srv)
		_, err := io.WriteString(kept.Conn, request)
		response, missed := http.ReadResponse(kept.Reader, nil)
		assert.Zero(t, receive(t, stopped))
		return err == nil && missed == nil && response.Close
	})
}

func TestShutdownBreaksOffSlowRequest(t *testing.T) {
	begun := make(chan struct{})
	srv := listen(t, func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		_, _ = io.Copy(io.Discard, r.Body)
	})
	endless := dial(t, srv)
	endless.send(t, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nha")
	receive(t, begun)
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan int, 1)
	go func() { stopped <- srv.Shutdown(ctx) }()
	awaitListenerClosed(t, srv)
	cancel()
	assert.Equal(t, 1, receive(t, stopped))
	_, err := http.ReadResponse(endless.Reader, nil)
	assert.Error(t, err)
}

// TestLateResponseClosesConnection checks a handler that began before the server
// stopped: its response must tell the client that the connection closes.
func TestLateResponseClosesConnection(t *testing.T) {
	eventually(t, func() bool {
		begun, finish := make(chan struct{}), make(chan struct{})
		srv := listen(t, func(http.ResponseWriter, *http.Request) {
			close(begun)
			<-finish
		})
		client := dial(t, srv)
		client.send(t, request)
		receive(t, begun)
		stopped := make(chan int, 1)
		go func() { stopped <- shutdown(srv) }()
		awaitListenerClosed(t, srv)
		close(finish)
		closes := client.receiveResponse(t).Close
		assert.Zero(t, receive(t, stopped))
		return closes
	})
}

// TestShutdownClosesSilentConnections checks that a connection without a request is
// closed, and not counted as broken off.
func TestShutdownClosesSilentConnections(t *testing.T) {
	srv := listen(t, func(http.ResponseWriter, *http.Request) {})
	silent := []wire{dial(t, srv), dial(t, srv), dial(t, srv)}
	asked := dial(t, srv)
	asked.send(t, request)
	asked.receiveResponse(t) // so the silent ones were accepted before
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	// The server may not know yet that its response was sent; then that request counts.
	assert.LessOrEqual(t, srv.Shutdown(ended), 1)
	for _, conn := range silent {
		_, err := conn.ReadByte()
		assert.ErrorIs(t, err, io.EOF)
	}
}
