package harness

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/contract"
)

// Conn is a raw connection to a service, for bytes that no HTTP client would send.
type Conn struct {
	net.Conn
	reader   *bufio.Reader
	received *bytes.Buffer
	sent     sentText
	conforms func(contract.Request, Response)
}

// Dial connects to the public listener. The connection has a deadline of Timeout and is closed at
// the end of the test.
func (c *Client) Dial(t testing.TB) *Conn {
	t.Helper()
	conn, err := c.dialer.Dial("tcp", c.Public)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(Timeout)))
	received := &bytes.Buffer{}
	return &Conn{Conn: conn, reader: bufio.NewReader(io.TeeReader(conn, received)),
		received: received, conforms: c.conforms}
}

// Received returns every byte received from the server so far.
func (c *Conn) Received() string { return c.received.String() }

// Transcript returns what was received so far, without Date headers and with LF line ends.
func (c *Conn) Transcript() string {
	lines := strings.Split(strings.ReplaceAll(c.Received(), "\r\n", "\n"), "\n")
	return strings.Join(slices.DeleteFunc(lines, func(line string) bool {
		return strings.HasPrefix(line, "Date: ")
	}), "\n")
}

// Send sends text unchanged. It is not an error if the server has stopped reading: the response
// shows why.
func (c *Conn) Send(t testing.TB, text string) {
	t.Helper()
	c.sent.add(text)
	c.SendProxyHeader(t, text)
}

// SendProxyHeader sends a PROXY protocol header, which precedes all requests and is part of none.
func (c *Conn) SendProxyHeader(t testing.TB, header string) {
	t.Helper()
	_, err := io.WriteString(c.Conn, header)
	require.True(t, err == nil || isClosed(err), "%v", err)
}

// ReadResponse reads the next response, to a request with that method.
func (c *Conn) ReadResponse(t testing.TB, method string) Response {
	t.Helper()
	answer, err := c.TryReadResponse(method)
	require.NoError(t, err)
	return answer
}

// ReadHeader reads the status line and headers of the next response and leaves the rest unread.
func (c *Conn) ReadHeader(t testing.TB, method string) Response {
	t.Helper()
	answer, err := http.ReadResponse(c.reader, &http.Request{Method: method})
	require.NoError(t, err)
	return Response{Status: answer.StatusCode, Header: answer.Header, Close: answer.Close}
}

// TryReadResponse reads the next response. It returns an error if no complete response was
// received.
func (c *Conn) TryReadResponse(method string) (Response, error) {
	return c.readFrom(c.reader, method)
}

func (c *Conn) readFrom(reader *bufio.Reader, method string) (Response, error) {
	answer, err := http.ReadResponse(reader, &http.Request{Method: method})
	if err != nil {
		return Response{}, err
	}
	response, err := read(answer)
	if err == nil && response.Status >= http.StatusOK {
		c.conforms(c.sent.next(method), response)
	}
	return response, err
}

// ReadToEnd reads until the server closes the connection, which it must, and returns what was read.
func (c *Conn) ReadToEnd(t testing.TB) string {
	t.Helper()
	rest, err := io.ReadAll(c.reader)
	require.True(t, err == nil || isClosed(err), "the connection was not closed: %v", err)
	for reader := bufio.NewReader(bytes.NewReader(rest)); ; {
		if _, err := c.readFrom(reader, http.MethodGet); err != nil {
			return string(rest)
		}
	}
}

// Exchange sends text on a new connection and returns the first response.
func (c *Client) Exchange(t testing.TB, method, text string) Response {
	t.Helper()
	conn := c.Dial(t)
	defer func() { _ = conn.Close() }()
	conn.Send(t, text)
	return conn.ReadResponse(t, method)
}

// isClosed reports whether err means that the peer closed the connection.
func isClosed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE)
}
