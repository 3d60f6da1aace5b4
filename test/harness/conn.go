package harness

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/contract"
)

// Conn is a raw connection to a service, for bytes that no HTTP client would send.
type Conn struct {
	net.Conn
	reader *bufio.Reader
	heard  *bytes.Buffer
	said   said
	judge  func(contract.Request, Response)
}

// Dial connects to the public listener. The connection has a deadline of Timeout and is closed at
// the end of the test.
func (c *Client) Dial(t testing.TB) *Conn {
	t.Helper()
	conn, err := c.dialer.Dial("tcp", c.Public)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(Timeout)))
	heard := &bytes.Buffer{}
	return &Conn{Conn: conn, reader: bufio.NewReader(io.TeeReader(conn, heard)), heard: heard,
		judge: c.judge}
}

// Heard returns every byte received from the server so far.
func (c *Conn) Heard() string { return c.heard.String() }

// Say sends text unchanged. It is not an error if the server has stopped reading: the response
// shows why.
func (c *Conn) Say(t testing.TB, text string) {
	t.Helper()
	c.said.add(text)
	c.Announce(t, text)
}

// Announce sends a PROXY protocol header, which precedes all requests and is not part of one.
func (c *Conn) Announce(t testing.TB, header string) {
	t.Helper()
	_, err := io.WriteString(c.Conn, header)
	require.True(t, err == nil || brokenOff(err), "%v", err)
}

// Hear reads the next response, to a request with that method.
func (c *Conn) Hear(t testing.TB, method string) Response {
	t.Helper()
	answer, err := c.TryHear(method)
	require.NoError(t, err)
	return answer
}

// Head reads the status line and headers of the next response and leaves the rest unread.
func (c *Conn) Head(t testing.TB, method string) Response {
	t.Helper()
	answer, err := http.ReadResponse(c.reader, &http.Request{Method: method})
	require.NoError(t, err)
	return Response{Status: answer.StatusCode, Header: answer.Header, Close: answer.Close}
}

// TryHear reads the next response. It returns an error if no complete response was received.
func (c *Conn) TryHear(method string) (Response, error) { return c.hear(c.reader, method) }

func (c *Conn) hear(reader *bufio.Reader, method string) (Response, error) {
	answer, err := http.ReadResponse(reader, &http.Request{Method: method})
	if err != nil {
		return Response{}, err
	}
	response, err := read(answer)
	if err == nil && response.Status >= http.StatusOK {
		c.judge(c.said.next(method), response)
	}
	return response, err
}

// HearEnd reads until the server closes the connection, which it must, and returns what was read.
func (c *Conn) HearEnd(t testing.TB) string {
	t.Helper()
	rest, err := io.ReadAll(c.reader)
	require.True(t, err == nil || brokenOff(err), "the connection was not closed: %v", err)
	for reader := bufio.NewReader(bytes.NewReader(rest)); ; {
		if _, err := c.hear(reader, http.MethodGet); err != nil {
			return string(rest)
		}
	}
}

// Exchange sends text on a new connection and returns the first response.
func (c *Client) Exchange(t testing.TB, method, text string) Response {
	t.Helper()
	conn := c.Dial(t)
	defer func() { _ = conn.Close() }()
	conn.Say(t, text)
	return conn.Hear(t, method)
}

// brokenOff reports whether err means that the peer closed the connection.
func brokenOff(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE)
}
