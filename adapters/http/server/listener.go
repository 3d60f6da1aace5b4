package server

import (
	"bytes"
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
)

// listener bounds the number of open connections; further ones wait in the kernel's queue. It may
// be closed twice, by a drain and by http.Server.
type listener struct {
	net.Listener
	open   chan struct{} // one for each connection
	closed chan struct{}
	close  func() error
}

// limit returns a listener on inner with at most that many connections.
func limit(inner net.Listener, connections int) *listener {
	l := &listener{Listener: inner, open: make(chan struct{}, connections),
		closed: make(chan struct{})}
	l.close = sync.OnceValue(func() error {
		close(l.closed)
		return inner.Close()
	})
	return l
}

// Accept implements net.Listener. Its connections are *slot.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case l.open <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.open
		return nil, err
	}
	return &slot{Conn: conn, leave: sync.OnceFunc(func() { <-l.open })}, nil
}

// Close implements net.Listener.
func (l *listener) Close() error { return l.close() }

// slot is a connection that counts against the limit until it is closed.
type slot struct {
	net.Conn
	leave func()
}

// CloseWrite closes the sending side, if the connection can, and leaves the receiving side open.
func (s *slot) CloseWrite() error { return closeWrite(s.Conn) }

// Close implements net.Conn.
func (s *slot) Close() error {
	defer s.leave()
	return s.Conn.Close()
}

// plain is a listener whose connections need no handshake.
type plain struct{ net.Listener }

// Accept implements net.Listener.
func (p plain) Accept() (net.Conn, error) {
	conn, err := p.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &connection{Conn: conn}, nil
}

// closeWrite closes the sending side of conn, if it can. net/http ends a response like that to a
// client that is still sending.
func closeWrite(conn net.Conn) error {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// progress is the state of a connection that the drain reads.
type progress struct {
	// begun is true from a request's first byte until its response is complete; for HTTP/2, while
	// any stream is open.
	begun atomic.Bool
	// http2 is true from the preface of a client that speaks HTTP/2: only net/http closes such a
	// connection, and tells the client before.
	http2 atomic.Bool
}

// of makes progress accessible through any type that embeds it.
func (p *progress) of() *progress { return p }

// connection carries HTTP/1, and HTTP/2 in the clear. It knows whether a request has begun.
type connection struct {
	net.Conn
	progress
	// hello is the number of bytes of HTTP/2's preface received so far; -1 once something else was
	// received.
	hello int
}

// preface is how HTTP/2 begins (RFC 9113 §3.4).
var preface = []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

// Read implements net.Conn. net/http reads from one goroutine at a time.
func (c *connection) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && !c.saysHello(p[:n]) {
		c.begun.Store(true)
	}
	return n, err
}

// saysHello reports whether the client speaks HTTP/2. Single bytes of HTTP/2 do not show whether a
// request is in progress: they may be a ping.
func (c *connection) saysHello(read []byte) bool {
	if c.hello >= 0 && c.hello < len(preface) {
		part := read[:min(len(read), len(preface)-c.hello)]
		if !bytes.HasPrefix(preface[c.hello:], part) {
			c.hello = -1
			return false
		}
		c.hello += len(part)
	}
	return c.hello == len(preface)
}

// CloseWrite closes the sending side, if the connection can, and leaves the receiving side open.
func (c *connection) CloseWrite() error { return closeWrite(c.Conn) }

// secured carries HTTP/1 over TLS. HTTP/2 uses *tls.Conn itself: net/http recognizes it only by
// that type.
type secured struct {
	connection
	state tls.ConnectionState
}

// ConnectionState is how net/http learns of TLS.
func (s *secured) ConnectionState() tls.ConnectionState { return s.state }
