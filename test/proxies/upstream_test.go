package proxies_test

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
)

// seen is a request as an upstream received it.
type seen struct {
	Method, Target string
	Host           string
	Header         http.Header
	Body           int64
	Encoding       []string
	Length         int64
	Trailer        http.Header
}

// named returns the values of headers that an application could take for the one with that name:
// CGI maps every character that is not a letter or digit to the same one.
func (s seen) named(name string) []string {
	fold := func(text string) string {
		return strings.Map(func(c rune) rune {
			if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
				return c
			}
			return '_'
		}, strings.ToLower(text))
	}
	var values []string
	for other, lines := range s.Header {
		if fold(other) == fold(name) {
			values = append(values, lines...)
		}
	}
	return values
}

// upstream is a server behind a proxy that records its requests.
type upstream struct {
	*httptest.Server
	mu   sync.Mutex
	seen []seen
}

// startUpstream starts a server that reads the body of a request and then calls handler.
func startUpstream(t testing.TB, handler http.HandlerFunc) *upstream {
	t.Helper()
	u := &upstream{}
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		length, _ := io.Copy(io.Discard, r.Body)
		u.mu.Lock()
		u.seen = append(u.seen, seen{r.Method, r.RequestURI, r.Host, r.Header.Clone(), length,
			r.TransferEncoding, r.ContentLength, r.Trailer.Clone()})
		u.mu.Unlock()
		handler(w, r)
	}))
	t.Cleanup(u.Close)
	return u
}

// addr returns the listen address.
func (u *upstream) addr() string { return u.Listener.Addr().String() }

// take returns the requests received since the last call.
func (u *upstream) take() []seen {
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := u.seen
	u.seen = nil
	return taken
}

// assertNothing fails if a request has been received since the last call of take.
func (u *upstream) assertNothing(t testing.TB, what string) {
	t.Helper()
	assert.Empty(t, u.take(), what)
}

// handshake is the example of RFC 6455 §1.3, which HAProxy checks.
var handshake = []string{"Connection: Upgrade", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
	"Sec-WebSocket-Version: 13"}

// switching is the response to it.
const switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

// startApplication starts the application behind a proxy. After an upgrade it echoes one line.
func startApplication(t testing.TB) *upstream {
	t.Helper()
	return startUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			_, _ = io.WriteString(w, "the application")
			return
		}
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer func() { _ = conn.Close() }()
		_, _ = io.WriteString(conn, switching)
		line, _ := bufio.NewReader(buffered).ReadString('\n')
		_, _ = io.WriteString(conn, line)
	})
}
