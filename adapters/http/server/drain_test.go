package server_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/http/server"
)

// patience is how long a test waits for anything before it counts as a hang.
const patience = 30 * time.Second

// listen serves handler on a port of its own.
func listen(t *testing.T, handler http.HandlerFunc) *server.Server {
	t.Helper()
	srv, err := server.Listen(context.Background(), "127.0.0.1:0", handler,
		server.Limits{Read: patience, Idle: patience, Connections: 100}, server.Handshake{},
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
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	return wire{conn, bufio.NewReader(conn)}
}

func (w wire) say(t *testing.T, text string) {
	t.Helper()
	_, err := io.WriteString(w.Conn, text)
	require.NoError(t, err)
}

func (w wire) hear(t *testing.T) *http.Response {
	t.Helper()
	answer, err := http.ReadResponse(w.Reader, nil)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, answer.Body)
	require.NoError(t, err)
	return answer
}

// awaitClosed waits until the listener takes nobody any more.
func awaitClosed(t *testing.T, srv *server.Server) {
	t.Helper()
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", srv.Address())
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	}, patience, time.Millisecond)
}

// whole is a request.
const whole = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

func TestShutdownLosesNoRequest(t *testing.T) {
	begun := make(chan struct{})
	srv := listen(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			close(begun)
		}
		_, _ = io.Copy(io.Discard, r.Body)
	})
	body := dial(t, srv)
	body.say(t, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nha")
	<-begun
	headers, second, next, idle := dial(t, srv), dial(t, srv), dial(t, srv), dial(t, srv)
	headers.say(t, whole[:10])
	for _, kept := range []wire{second, next, idle} {
		kept.say(t, whole)
		assert.False(t, kept.hear(t).Close)
	}
	second.say(t, whole[:10])

	stopped := make(chan int, 1)
	go func() { stopped <- srv.Shutdown(context.Background()) }()
	awaitClosed(t, srv)
	for _, late := range []struct {
		wire
		rest string
	}{{headers, whole[10:]}, {second, whole[10:]}, {next, whole}, {body, "lf"}} {
		select {
		case <-stopped:
			require.Fail(t, "the server stopped before all was answered")
		default:
		}
		late.say(t, late.rest)
		assert.Equal(t, http.StatusOK, late.hear(t).StatusCode)
	}
	assert.Zero(t, <-stopped, "nothing was broken off")
	_, err := idle.ReadByte()
	require.ErrorIs(t, err, io.EOF, "a connection on which nothing has begun keeps nobody waiting")
	assert.ErrorIs(t, <-srv.Done(), http.ErrServerClosed)
}

// inSomeTry passes where attempt holds at least once. Between two instants of a server that stops
// nobody can tell from outside which one it is; what holds at the later one alone does not hold in
// every try, and what never holds in none.
func inSomeTry(t *testing.T, attempt func() bool) {
	t.Helper()
	for range 20 {
		if attempt() {
			return
		}
	}
	assert.Fail(t, "not in any try")
}

// TestShutdownAnswersWhatIsOnItsWay: on a connection between two requests the next one may be under
// way, and it is waited for a moment.
func TestShutdownAnswersWhatIsOnItsWay(t *testing.T) {
	inSomeTry(t, func() bool {
		srv := listen(t, func(http.ResponseWriter, *http.Request) {})
		kept := dial(t, srv)
		kept.say(t, whole)
		assert.False(t, kept.hear(t).Close)
		stopped := make(chan int, 1)
		go func() { stopped <- srv.Shutdown(context.Background()) }()
		awaitClosed(t, srv)
		_, err := io.WriteString(kept.Conn, whole)
		answer, missed := http.ReadResponse(kept.Reader, nil)
		assert.Zero(t, <-stopped)
		return err == nil && missed == nil && answer.Close
	})
}

func TestShutdownBreaksOffWhatTakesTooLong(t *testing.T) {
	begun := make(chan struct{})
	srv := listen(t, func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		_, _ = io.Copy(io.Discard, r.Body)
	})
	endless := dial(t, srv)
	endless.say(t, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nha")
	<-begun
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan int, 1)
	go func() { stopped <- srv.Shutdown(ctx) }()
	awaitClosed(t, srv)
	cancel()
	assert.Equal(t, 1, <-stopped)
	_, err := http.ReadResponse(endless.Reader, nil)
	assert.Error(t, err)
}

// TestAnAnswerThatLeavesLateClosesItsConnection: the handler began before the server stopped, and
// the client keeps his connection for more.
func TestAnAnswerThatLeavesLateClosesItsConnection(t *testing.T) {
	inSomeTry(t, func() bool {
		begun, finish := make(chan struct{}), make(chan struct{})
		srv := listen(t, func(http.ResponseWriter, *http.Request) {
			close(begun)
			<-finish
		})
		client := dial(t, srv)
		client.say(t, whole)
		<-begun
		stopped := make(chan int, 1)
		go func() { stopped <- srv.Shutdown(context.Background()) }()
		awaitClosed(t, srv)
		close(finish)
		closes := client.hear(t).Close
		assert.Zero(t, <-stopped)
		return closes
	})
}

// TestAConnectionThatNeverAsksKeepsNobodyWaiting: it is closed, and is no request that was broken
// off.
func TestAConnectionThatNeverAsksKeepsNobodyWaiting(t *testing.T) {
	srv := listen(t, func(http.ResponseWriter, *http.Request) {})
	silent := []wire{dial(t, srv), dial(t, srv), dial(t, srv)}
	asked := dial(t, srv)
	asked.say(t, whole)
	asked.hear(t) // so both were accepted
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	// The server may not know yet that its answer has left; then that request counts.
	assert.LessOrEqual(t, srv.Shutdown(ended), 1)
	for _, conn := range silent {
		_, err := conn.ReadByte()
		assert.ErrorIs(t, err, io.EOF)
	}
}
