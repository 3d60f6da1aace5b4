package server

import (
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// The phases of a connection.
const (
	// phaseIdle: it waits for a request.
	phaseIdle int32 = iota
	// phaseReceiving: something of a request has been received, and may be all that is needed.
	phaseReceiving
	// phaseWaiting: the request waits for its client to send the rest of the headers.
	phaseWaiting
	// phaseServing: a request is in progress.
	phaseServing
)

// slot is a connection that counts against the bounds until it is closed.
type slot struct {
	net.Conn
	slots *slots
	// phase changes under the lock of slots, except from phaseReceiving to phaseServing.
	phase atomic.Int32
	// awaited holds what await received, until the next Read.
	awaited []byte
	// reads and writes are the deadlines.
	reads, writes deadline

	// The lock of slots guards these.
	gone  bool
	since time.Time // in silent or idle since when
	// waiting is in silent or idle, or in none from the first byte of a request until its response.
	waiting link[*slot]
	headers *wait // of the request whose headers have not ended, or nil
	age     link[*slot]
	member  membership // zero if exempt
	// streams is how many requests may be in progress at once in HTTP/2; 0 until it is spoken.
	streams     int
	countsHTTP2 bool
}

// exempt reports whether the connection is that of a trusted proxy.
func (one *slot) exempt() bool { return one.member.address == nil }

// receive records that something of a request was received. Nearly always that is all of its
// headers; if it is not, net/http reads again, and the request waits.
func (one *slot) receive() {
	if one.phase.Load() != phaseIdle {
		return
	}
	one.slots.mu.Lock()
	defer one.slots.mu.Unlock()
	if !one.gone {
		one.phase.Store(phaseReceiving)
		one.waiting.leave()
	}
}

// awaitHeaders records that the connection is read. A request of which something was received then
// waits for its client until begin. If too many requests wait, the one that has waited longest is
// reset.
func (one *slot) awaitHeaders() {
	s := one.slots
	if s.requests == nil || one.phase.Load() != phaseReceiving {
		return
	}
	s.mu.Lock()
	if one.gone || !one.phase.CompareAndSwap(phaseReceiving, phaseWaiting) {
		s.mu.Unlock()
		return
	}
	one.headers = new(wait)
	longest := s.requests.enter(one.headers, awaitedHeaders, one)
	s.mu.Unlock()
	longest.makeRoom()
}

// reset implements resettable: it closes the connection in the middle of a request's headers.
func (one *slot) reset(awaited) {
	s := one.slots
	s.mu.Lock()
	gone := one.gone
	if !gone {
		s.remove(one)
	}
	s.mu.Unlock()
	if !gone {
		s.observer.ConnectionClosed()
		one.breakOff()
	}
}

// endHeaders records that no request waits for its headers. The caller must not hold the lock of
// slots, which reset takes.
func (one *slot) endHeaders() {
	if one.slots.requests == nil {
		return
	}
	one.slots.mu.Lock()
	headers := one.headers
	one.headers = nil
	one.slots.mu.Unlock()
	headers.end()
}

// begin records that a request has been received to the end of its headers.
func (one *slot) begin() {
	if one.phase.CompareAndSwap(phaseReceiving, phaseServing) {
		return // receive has done the rest
	}
	one.slots.mu.Lock()
	one.phase.Store(phaseServing)
	one.waiting.leave()
	one.slots.mu.Unlock()
	one.endHeaders()
}

// rest records that no request is in progress.
func (one *slot) rest() {
	now := one.slots.now()
	if one.phase.Load() == phaseWaiting {
		one.endHeaders()
	}
	one.slots.mu.Lock()
	defer one.slots.mu.Unlock()
	one.phase.Store(phaseIdle)
	if !one.gone {
		one.since = now
		one.slots.idle.push(&one.waiting)
	}
}

// await returns when something has been received.
func (one *slot) await() error {
	first := make([]byte, 1)
	if _, err := one.receiveInto(first); err != nil {
		return err
	}
	one.awaited = first
	return nil
}

// Read implements net.Conn.
func (one *slot) Read(p []byte) (int, error) {
	if one.awaited == nil {
		return one.receiveInto(p)
	}
	n := copy(p, one.awaited)
	one.awaited = one.awaited[n:]
	if len(one.awaited) == 0 {
		one.awaited = nil
	}
	return n, nil
}

// CloseWrite closes the write side if the connection supports it. Reading remains possible.
func (one *slot) CloseWrite() error { return closeWrite(one.Conn) }

// Close implements net.Conn.
func (one *slot) Close() error {
	err := one.Conn.Close() // before the slot is free, so that never more are open than allowed
	s := one.slots
	s.mu.Lock()
	gone := one.gone
	if !gone {
		s.remove(one)
	}
	s.mu.Unlock()
	one.endHeaders()
	if !gone {
		s.observer.ConnectionClosed()
	}
	return err
}

// breakOff closes a connection that made room. What was not sent yet is dropped, because the kernel
// would keep it for a client that may never read.
func (one *slot) breakOff() {
	conn, ok := one.Conn.(interface{ SetLinger(seconds int) error })
	if ok && one.phase.Load() != phaseIdle {
		_ = conn.SetLinger(0)
	}
	_ = one.Conn.Close()
}

// slotOf returns the slot under a connection, or nil if it has none.
func slotOf(conn net.Conn) *slot {
	for {
		switch c := conn.(type) {
		case *slot:
			return c
		case *connection:
			return c.slot
		case *secured:
			return c.slot
		case *proxied:
			conn = c.Conn
		case interface{ NetConn() net.Conn }: // *tls.Conn
			conn = c.NetConn()
		default:
			return nil
		}
	}
}

// trackRequests wraps follow so that slots know which connections are idle.
func trackRequests(follow func(net.Conn, http.ConnState)) func(net.Conn, http.ConnState) {
	return func(conn net.Conn, state http.ConnState) {
		follow(conn, state)
		one := slotOf(conn)
		switch {
		case one == nil:
		case state == http.StateActive:
			one.begin()
		case state == http.StateIdle:
			one.rest()
		}
	}
}
