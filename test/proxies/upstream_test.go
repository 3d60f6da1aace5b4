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

// seen is a request as it came to an upstream.
type seen struct {
	Method, Target string
	Header         http.Header
	Body           int64
	Encoding       []string
	Length         int64
}

// named are the headers that an application could take for one of that name: CGI makes the same of
// all signs that are no letters and digits.
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

// upstream is a server behind a proxy that keeps what it has seen.
type upstream struct {
	*httptest.Server
	mu   sync.Mutex
	seen []seen
}

// startUpstream starts a server that answers by handler, after it has read the body.
func startUpstream(t testing.TB, handler http.HandlerFunc) *upstream {
	t.Helper()
	u := &upstream{}
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		length, _ := io.Copy(io.Discard, r.Body)
		u.mu.Lock()
		u.seen = append(u.seen, seen{r.Method, r.RequestURI, r.Header.Clone(), length,
			r.TransferEncoding, r.ContentLength})
		u.mu.Unlock()
		handler(w, r)
	}))
	t.Cleanup(u.Close)
	return u
}

// addr is where it listens.
func (u *upstream) addr() string { return u.Listener.Addr().String() }

// take returns what has come since the last time.
func (u *upstream) take() []seen {
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := u.seen
	u.seen = nil
	return taken
}

// assertNothing fails where anything has come.
func (u *upstream) assertNothing(t testing.TB, what string) {
	t.Helper()
	assert.Empty(t, u.take(), what)
}

// handshake is RFC 6455's own example (§1.3), which HAProxy looks at.
var handshake = []string{"Connection: Upgrade", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
	"Sec-WebSocket-Version: 13"}

// startApplication starts the application behind a proxy. Where it is asked to change protocols, it
// sends each line back.
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
		_, _ = io.WriteString(conn,
			"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
		line, _ := bufio.NewReader(buffered).ReadString('\n')
		_, _ = io.WriteString(conn, line)
	})
}
