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
)

// Conn is a bare connection to a service, for what no HTTP client would send.
type Conn struct {
	net.Conn
	reader *bufio.Reader
	heard  *bytes.Buffer
}

// Dial connects to the public listener. The connection closes with the test, and fails what hangs.
func (c *Client) Dial(t testing.TB) *Conn {
	t.Helper()
	conn, err := net.Dial("tcp", c.Public)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(Patience)))
	return NewConn(conn)
}

// NewConn is a connection that the test has made.
func NewConn(conn net.Conn) *Conn {
	heard := &bytes.Buffer{}
	return &Conn{Conn: conn, reader: bufio.NewReader(io.TeeReader(conn, heard)), heard: heard}
}

// Heard is all that has come from the server so far, byte for byte.
func (c *Conn) Heard() string { return c.heard.String() }

// Say sends text as it is. What the server no longer reads is no failure: its answer tells.
func (c *Conn) Say(t testing.TB, text string) {
	t.Helper()
	_, err := io.WriteString(c.Conn, text)
	require.True(t, err == nil || brokenOff(err), "%v", err)
}

// Hear reads the next answer, to a request of that method.
func (c *Conn) Hear(t testing.TB, method string) Response {
	t.Helper()
	answer, err := c.TryHear(method)
	require.NoError(t, err)
	return answer
}

// TryHear reads the next answer. It fails where none comes whole.
func (c *Conn) TryHear(method string) (Response, error) {
	answer, err := http.ReadResponse(c.reader, &http.Request{Method: method})
	if err != nil {
		return Response{}, err
	}
	return read(answer)
}

// HearEnd returns what comes until the server ends the connection, which it must.
func (c *Conn) HearEnd(t testing.TB) string {
	t.Helper()
	rest, err := io.ReadAll(c.reader)
	require.True(t, err == nil || brokenOff(err), "the connection does not end: %v", err)
	return string(rest)
}

// Exchange sends text on a connection of its own and returns the first answer.
func (c *Client) Exchange(t testing.TB, method, text string) Response {
	t.Helper()
	conn := c.Dial(t)
	defer func() { _ = conn.Close() }()
	conn.Say(t, text)
	return conn.Hear(t, method)
}

// brokenOff tells whether the other side ended the connection.
func brokenOff(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
