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

// Conn is a bare connection to a service, for what no HTTP client would send.
type Conn struct {
	net.Conn
	reader *bufio.Reader
	heard  *bytes.Buffer
	said   said
	judge  func(contract.Request, Response)
}

// Dial connects to the public listener. The connection closes with the test, and fails what hangs.
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

// Heard is all that has come from the server so far, byte for byte.
func (c *Conn) Heard() string { return c.heard.String() }

// Say sends text as it is. What the server no longer reads is no failure: its answer tells.
func (c *Conn) Say(t testing.TB, text string) {
	t.Helper()
	c.said.add(text)
	c.Announce(t, text)
}

// Announce sends a header of the PROXY protocol, which comes before any request and is no part of
// one.
func (c *Conn) Announce(t testing.TB, header string) {
	t.Helper()
	_, err := io.WriteString(c.Conn, header)
	require.True(t, err == nil || brokenOff(err), "%v", err)
}

// Hear reads the next answer, to a request of that method.
func (c *Conn) Hear(t testing.TB, method string) Response {
	t.Helper()
	answer, err := c.TryHear(method)
	require.NoError(t, err)
	return answer
}

// Head reads the head of the next answer and leaves what comes after it.
func (c *Conn) Head(t testing.TB, method string) Response {
	t.Helper()
	answer, err := http.ReadResponse(c.reader, &http.Request{Method: method})
	require.NoError(t, err)
	return Response{Status: answer.StatusCode, Header: answer.Header, Close: answer.Close}
}

// TryHear reads the next answer. It fails where none comes whole.
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

// HearEnd returns what comes until the server ends the connection, which it must.
func (c *Conn) HearEnd(t testing.TB) string {
	t.Helper()
	rest, err := io.ReadAll(c.reader)
	require.True(t, err == nil || brokenOff(err), "the connection does not end: %v", err)
	for reader := bufio.NewReader(bytes.NewReader(rest)); ; {
		if _, err := c.hear(reader, http.MethodGet); err != nil {
			return string(rest)
		}
	}
}

// Exchange sends text on a connection of its own and returns the first answer.
func (c *Client) Exchange(t testing.TB, method, text string) Response {
	t.Helper()
	conn := c.Dial(t)
	defer func() { _ = conn.Close() }()
	conn.Say(t, text)
	return conn.Hear(t, method)
}

// brokenOff reports whether the other side ended the connection.
func brokenOff(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE)
}
