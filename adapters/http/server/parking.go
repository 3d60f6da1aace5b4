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

// parking holds the HTTP/1 connections on which no request is in progress. net/http keeps two
// buffers and a goroutine with a large stack for each connection, also while it is idle. For a
// parked one there is a goroutine with a small stack and nothing else.
//
// A connection is parked by making net/http's read fail and keeping it open when net/http then
// closes it. As soon as something is received, net/http gets it back through the listener that
// parking is, as a new connection.
type parking struct {
	drain   *drain
	address net.Addr
	ready   chan net.Conn
	closed  chan struct{}

	mu     sync.Mutex
	isOver bool
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
	if !p.isOver {
		p.isOver = true
		close(p.closed)
		p.drain.closeWaiting()
	}
	return nil
}

// Addr implements net.Listener.
func (p *parking) Addr() net.Addr { return p.address }

// enter parks conn, on whose slot something must be received within the deadline. It reports
// whether it did, which it does not once the listener has been closed.
func (p *parking) enter(conn net.Conn, slot *slot, deadline time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isOver || slot.SetReadDeadline(deadline) != nil {
		return false
	}
	p.drain.enter(conn)
	go p.wait(conn, slot)
	return true
}

// wait gives conn back when something is received, and closes it if nothing is.
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

// stage says who has a connection.
const (
	served    int32 = iota // net/http
	leaving                // net/http, whose reads fail, until it closes the connection
	handedOut              // parking, as another connection
)

// SetReadDeadline implements net.Conn. net/http calls it once before it waits for a request, and
// again when it has one. While it waits, the connection is parked before the deadline.
func (c *connection) SetReadDeadline(t time.Time) error {
	if c.parking == nil || c.prefaceRead > 0 || c.waited.Swap(true) {
		// Written only where it changes something: once a request has begun, this is also called
		// while another goroutine reads, to end its read.
		if c.early {
			c.early = false
		}
		if !c.asked {
			c.asked = true
		}
		return c.Conn.SetReadDeadline(t)
	}
	if c.received {
		c.limit = time.Time{} // it was that of the wait for the request that has come since
	}
	c.wanted, c.early, c.asked, c.received = t, true, c.asked || c.received, false
	return c.Conn.SetReadDeadline(earlier(c.until(), time.Now().Add(parkAfter)))
}

// until returns how long the connection may wait for a request.
func (c *connection) until() time.Time { return earlier(c.wanted, c.limit) }

// earlier returns the earlier of two deadlines, of which the zero Time is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// park has the connection parked if a read failed because no request began for a while.
func (c *connection) park(failed error) {
	if !c.early || !errors.Is(failed, os.ErrDeadlineExceeded) {
		return
	}
	if until := c.until(); until.IsZero() || time.Now().Before(until) {
		c.stage.CompareAndSwap(served, leaving)
	}
}

// stay makes the deadline apply that net/http has set, because a request has begun and more of its
// headers are to be read. At their end net/http sets another one. The first request of a connection
// has no more time because the connection was parked before it.
func (c *connection) stay() {
	if !c.early {
		return
	}
	deadline := c.wanted
	if !c.asked {
		deadline = c.until()
	}
	c.early, c.asked = false, true
	_ = c.Conn.SetReadDeadline(deadline) // an error shows when reading
}

// closeAs closes the connection or, if it leaves net/http to be parked, parks it as another one,
// which as makes of what follows it.
func (c *connection) closeAs(as func(next *connection) net.Conn) error {
	if c.stage.Load() == served {
		return c.Conn.Close()
	}
	if !c.stage.CompareAndSwap(leaving, handedOut) {
		return nil // it has been closed before
	}
	next := &connection{Conn: c.Conn, slot: c.slot, parking: c.parking, asked: c.asked,
		limit: c.until()}
	if c.parking.enter(as(next), c.slot, next.limit) {
		return nil
	}
	return c.Conn.Close()
}
