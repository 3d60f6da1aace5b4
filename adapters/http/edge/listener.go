package edge

import (
	"net"
	"sync"
	"sync/atomic"
)

// listener hands out no more connections than may be open at once; further ones wait in the kernel's queue. Its connections tell a drain what it needs to know,
// and can be closed in one direction: net/http so ends its answer to a client that is still sending. It may be closed twice, by a drain and by
// http.Server.
type listener struct {
	net.Listener
	open   chan struct{} // one for each connection
	closed chan struct{}
	close  func() error
}

// limit makes a listener of inner with at most that many connections.
func limit(inner net.Listener, connections int) *listener {
	l := &listener{Listener: inner, open: make(chan struct{}, connections), closed: make(chan struct{})}
	l.close = sync.OnceValue(func() error {
		close(l.closed)
		return inner.Close()
	})
	return l
}

// Accept is net.Listener's.
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
	return &connection{Conn: conn, leave: sync.OnceFunc(func() { <-l.open })}, nil
}

// Close is net.Listener's.
func (l *listener) Close() error { return l.close() }

// connection knows whether a request has begun on it: from its first byte until it is answered.
type connection struct {
	net.Conn
	begun atomic.Bool
	leave func()
}

// Read is net.Conn's.
func (c *connection) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.begun.Store(true)
	}
	return n, err
}

// CloseWrite ends what is sent, where the connection can, and goes on reading.
func (c *connection) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Close is net.Conn's.
func (c *connection) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
