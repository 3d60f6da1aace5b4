package server

import (
	"bytes"
	"crypto/tls"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// listener is a listener whose connections have slots. It may be closed twice: by a drain and by
// http.Server.
type listener struct {
	net.Listener
	slots *slots
	close func() error
}

// newListener returns a listener on inner whose connections have slots.
func newListener(inner net.Listener, slots *slots) *listener {
	return &listener{Listener: inner, slots: slots, close: sync.OnceValue(inner.Close)}
}

// Accept implements net.Listener. Its connections are of type *slot.
func (l *listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if sl := l.slots.enter(conn, peerOf(conn)); sl != nil {
			return sl, nil
		}
	}
}

// Close implements net.Listener.
func (l *listener) Close() error { return l.close() }

// plain is a listener on whose connections HTTP is spoken without a handshake.
type plain struct {
	net.Listener
	parking *parking
}

// Accept implements net.Listener.
func (p plain) Accept() (net.Conn, error) {
	conn, err := p.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return newConnection(conn, p.parking), nil
}

// closeWrite closes the write side of conn if it supports that. net/http does so after a response
// to a client that is still sending.
func closeWrite(conn net.Conn) error {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// progress is the state of a connection that the drain needs.
type progress struct {
	// begun is true from the first byte of a request until its response is complete; in HTTP/2,
	// while any stream is open.
	begun atomic.Bool
	// http2 is true once the client has sent the HTTP/2 preface. Only net/http closes such a
	// connection, after it has sent GOAWAY.
	http2 atomic.Bool
	// waited is true once net/http has set the deadline of its wait for the next request.
	waited atomic.Bool
}

// connection carries HTTP/1, or HTTP/2 without TLS. It records whether a request has begun.
type connection struct {
	net.Conn
	progress
	slot *slot
	// prefaceRead is the number of bytes of the HTTP/2 preface that have been received, or -1 if
	// something else was received.
	prefaceRead int

	// parking is where the connection waits for requests; see there.
	parking *parking
	stage   atomic.Int32
	// received is true once part of the current request was received, and firstBegun once the
	// first request has begun.
	received, firstBegun bool
	// responses counts the complete responses, and fetched is true if something was received since
	// the last one.
	responses uint
	fetched   bool
	// limit is until when a connection that was parked may wait for the request that ends that
	// wait; the zero Time if it was not parked since its last request.
	limit time.Time
	// wanted is the deadline that net/http set for its wait, and early is true while an earlier
	// deadline is in force, at which the connection is parked.
	wanted time.Time
	early  bool
}

// newConnection returns a connection on conn, which has a slot and waits in parking.
func newConnection(conn net.Conn, parking *parking) *connection {
	return &connection{Conn: conn, slot: slotOf(conn), parking: parking}
}

// preface is the beginning of an HTTP/2 connection (RFC 9113 §3.4).
var preface = []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

// Read implements net.Conn. net/http reads from one goroutine at a time.
func (c *connection) Read(p []byte) (int, error) {
	if c.stage.Load() != served {
		return 0, os.ErrDeadlineExceeded
	}
	if c.holdsPart(p) {
		c.receive()
	}
	if c.received {
		c.useWanted()
	}
	if c.slot != nil {
		c.slot.awaitHeaders()
	}
	n, err := c.Conn.Read(p)
	if n == 0 {
		c.park(err)
		return n, err
	}
	if !c.speaksHTTP2(p[:n]) {
		c.fetched = true
		c.receive()
	}
	return n, err
}

// receive records that part of a request was received.
func (c *connection) receive() {
	c.received = true
	c.begun.Store(true)
	if c.slot != nil {
		c.slot.receive()
	}
}

// readBuffer is the size of the buffer into which net/http reads a connection.
const readBuffer = 4096

// holdsPart reports whether net/http, which reads into p, already holds the first bytes of a
// request, which arrived together with the previous request: p is then the rest of its buffer.
// net/http does not document that, so TestPartOfARequestIsNotParked checks it.
func (c *connection) holdsPart(p []byte) bool { return c.prefaceRead < 0 && len(p) < readBuffer }

// speaksHTTP2 reports whether the client speaks HTTP/2. In HTTP/2 a received byte does not mean
// that a request is in progress: it may belong to a ping.
func (c *connection) speaksHTTP2(read []byte) bool {
	if c.prefaceRead >= 0 && c.prefaceRead < len(preface) {
		part := read[:min(len(read), len(preface)-c.prefaceRead)]
		if !bytes.HasPrefix(preface[c.prefaceRead:], part) {
			c.prefaceRead = -1
			return false
		}
		c.prefaceRead += len(part)
	}
	return c.prefaceRead == len(preface)
}

// CloseWrite closes the write side if the connection supports it. Reading remains possible.
func (c *connection) CloseWrite() error { return closeWrite(c.Conn) }

// Close implements net.Conn.
func (c *connection) Close() error {
	return c.closeAs(func(next *connection) net.Conn { return next })
}

// secured is a TLS connection on which HTTP/1 is spoken. HTTP/2 is spoken on *tls.Conn itself,
// because net/http requires that type.
type secured struct {
	*connection
	state *tls.ConnectionState
}

// Close implements net.Conn.
func (s *secured) Close() error {
	return s.closeAs(func(next *connection) net.Conn { return &secured{next, s.state} })
}

// ConnectionState returns the TLS state. net/http looks for this method.
func (s *secured) ConnectionState() tls.ConnectionState { return *s.state }
