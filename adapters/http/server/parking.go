package server

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// parkAfter is how long a connection waits for a request before it is parked.
const parkAfter = time.Second

// parking holds HTTP/1 connections that have waited for a request for parkAfter. net/http keeps two
// buffers and a goroutine with a large stack for each connection, also while it is idle. A parked
// connection has only a goroutine with a small stack.
//
// To park a connection, its read fails; net/http then closes it, and Close parks the socket instead
// of closing it. parking is also a net.Listener: when something is received on a parked socket,
// Accept returns it to net/http as a new connection.
type parking struct {
	drain   *drain
	address net.Addr
	ready   chan net.Conn // connections on which something was received
	closed  chan struct{}

	mu       sync.Mutex
	isClosed bool
}

func newParking(drain *drain, address net.Addr) *parking {
	return &parking{drain: drain, address: address, ready: make(chan net.Conn),
		closed: make(chan struct{})}
}

// Accept implements net.Listener.
func (p *parking) Accept() (net.Conn, error) {
	select {
	case conn := <-p.ready:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener. It closes the connections on which no request has begun.
func (p *parking) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.isClosed {
		p.isClosed = true
		close(p.closed)
		p.drain.closeWaiting()
	}
	return nil
}

// Addr implements net.Listener.
func (p *parking) Addr() net.Addr { return p.address }

// enter parks conn, which has the given slot, until something is received or the deadline passes;
// the zero Time is no deadline. It returns false, and does not take conn, if the listener has been
// closed or the deadline cannot be set.
func (p *parking) enter(conn net.Conn, slot *slot, deadline time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isClosed || slot.SetReadDeadline(deadline) != nil {
		return false
	}
	p.drain.enter(conn)
	go p.wait(conn, slot)
	return true
}

// wait hands conn to Accept when something is received. It closes conn if the read fails, as it
// does at the deadline, or if the listener is closed.
func (p *parking) wait(conn net.Conn, slot *slot) {
	if slot.await() == nil {
		select {
		case p.ready <- conn:
			return
		case <-p.closed:
		}
	}
	_ = conn.Close()
	p.drain.leave(conn)
}

// The stages of a connection on its way from net/http to parking.
const (
	served    int32 = iota // net/http serves the connection
	leaving                // its reads fail, until net/http closes it
	handedOut              // net/http has closed it, and its socket is parked as another connection
)

// SetReadDeadline implements net.Conn. net/http calls it once before it waits for a request, and
// again when it has one. While it waits, the connection is parked before the deadline.
func (c *connection) SetReadDeadline(t time.Time) error {
	if c.parking == nil || c.prefaceRead > 0 || c.waited.Swap(true) {
		// The fields are written only if they change: once a request has begun, net/http also calls
		// this while another goroutine reads, to end its read.
		if c.early {
			c.early = false
		}
		if !c.firstBegun {
			c.firstBegun = true
		}
		return c.Conn.SetReadDeadline(t)
	}
	if c.received {
		c.limit = time.Time{} // it bounded the wait for the request that has been received since
	}
	c.wanted, c.early, c.firstBegun, c.received = t, true, c.firstBegun || c.received, false
	return c.Conn.SetReadDeadline(earlier(c.waitDeadline(), time.Now().Add(parkAfter)))
}

// waitDeadline returns until when the connection may wait for a request; the zero Time is for ever.
func (c *connection) waitDeadline() time.Time { return earlier(c.wanted, c.limit) }

// earlier returns the earlier of two deadlines. The zero Time means no deadline.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// park makes the connection leave net/http if err says that a read ended at the early deadline, and
// the connection may wait longer.
func (c *connection) park(err error) {
	if !c.early || !errors.Is(err, os.ErrDeadlineExceeded) {
		return
	}
	if deadline := c.waitDeadline(); deadline.IsZero() || time.Now().Before(deadline) {
		c.stage.CompareAndSwap(served, leaving)
	}
}

// useWanted replaces the early deadline by the one that net/http has set, because a request has
// begun and more of its headers are to be read. At their end net/http sets another deadline. The
// first request of a connection gets no more time for having been parked: its deadline is that of
// the wait.
func (c *connection) useWanted() {
	if !c.early {
		return
	}
	deadline := c.wanted
	if !c.firstBegun {
		deadline = c.waitDeadline()
	}
	c.early, c.firstBegun = false, true
	_ = c.Conn.SetReadDeadline(deadline) // on an error, the read fails as well
}

// closeAs closes the connection or, if it is leaving net/http, parks its socket as another
// connection. wrap returns that connection as net/http will get it.
func (c *connection) closeAs(wrap func(next *connection) net.Conn) error {
	if c.stage.Load() == served {
		return c.Conn.Close()
	}
	if !c.stage.CompareAndSwap(leaving, handedOut) {
		return nil // it has been closed before
	}
	next := &connection{Conn: c.Conn, slot: c.slot, parking: c.parking, firstBegun: c.firstBegun,
		limit: c.waitDeadline()}
	if c.parking.enter(wrap(next), c.slot, next.limit) {
		return nil
	}
	return c.Conn.Close()
}
