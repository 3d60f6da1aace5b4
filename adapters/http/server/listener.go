package server

import (
	"bytes"
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
)

// listener hands out no more connections than may be open at once; further ones wait in the kernel's queue. It may be closed twice, by a drain and by
// http.Server.
type listener struct {
	net.Listener
	open   chan struct{} // one for each connection
	closed chan struct{}
	close  func() error
}

// limit makes a listener of inner with at most that many connections.
func limit(inner net.Listener, connections int) *listener {
	l := &listener{Listener: inner, open: make(chan struct{}, connections),
		closed: make(chan struct{})}
	l.close = sync.OnceValue(func() error {
		close(l.closed)
		return inner.Close()
	})
	return l
}

// Accept is net.Listener's. Its connections are *seat.
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
	return &seat{Conn: conn, leave: sync.OnceFunc(func() { <-l.open })}, nil
}

// Close is net.Listener's.
func (l *listener) Close() error { return l.close() }

// seat is a connection that counts against the limit until it is closed.
type seat struct {
	net.Conn
	leave func()
}

// CloseWrite ends what is sent, where the connection can, and goes on reading.
func (s *seat) CloseWrite() error { return closeWrite(s.Conn) }

// Close is net.Conn's.
func (s *seat) Close() error {
	defer s.leave()
	return s.Conn.Close()
}

// plain is a listener on whose connections HTTP is spoken at once.
type plain struct{ net.Listener }

// Accept is net.Listener's.
func (p plain) Accept() (net.Conn, error) {
	conn, err := p.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &connection{Conn: conn}, nil
}

// closeWrite ends what conn sends, where it can. net/http so ends its answer to a client that is still sending.
func closeWrite(conn net.Conn) error {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// progress is how far a connection has come: the drain looks at it.
type progress struct {
	// begun is true from a request's first byte until it is answered, in HTTP/2 while any stream is open.
	begun atomic.Bool
	// http2 is true from the hello of a client that speaks HTTP/2: whoever closes its connection tells it before, and closes it alone.
	http2 atomic.Bool
}

// of makes progress a method, so that it can be asked of whatever has it.
func (p *progress) of() *progress { return p }

// connection is what HTTP/1, and HTTP/2 in the clear, is spoken on. It knows whether a request has begun.
type connection struct {
	net.Conn
	progress
	// hello is how many bytes of HTTP/2's preface have come, and nothing else; -1 once something else has.
	hello int
}

// preface is how HTTP/2 begins (RFC 9113 §3.4).
var preface = []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

// Read is net.Conn's. net/http reads from one goroutine at a time.
func (c *connection) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && !c.saysHello(p[:n]) {
		c.begun.Store(true)
	}
	return n, err
}

// saysHello tells whether the client speaks HTTP/2, of which single bytes do not tell whether a request is under way: it may be a ping.
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

// CloseWrite ends what is sent, where the connection can, and goes on reading.
func (c *connection) CloseWrite() error { return closeWrite(c.Conn) }

// secured is a connection over TLS on which HTTP/1 is spoken. HTTP/2 is spoken on *tls.Conn itself: net/http knows it by that type alone.
type secured struct {
	connection
	state tls.ConnectionState
}

// ConnectionState is how net/http learns of TLS.
func (s *secured) ConnectionState() tls.ConnectionState { return s.state }
