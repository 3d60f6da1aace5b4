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
	// phaseReceiving: part of a request has been received, perhaps all of its headers.
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
	gone  bool      // it no longer counts: it is closed, or about to be
	since time.Time // when it joined the list of silent or of idle connections
	// waiting is its place in the list of silent or of idle connections. From the first byte of a
	// request until its response it is in neither.
	waiting link[*slot]
	headers *wait // of the request whose headers have not ended, or nil
	age     link[*slot]
	member  membership // zero if exempt
	// streams is how many requests may be in progress at once in HTTP/2; 0 until it is spoken.
	streams     int
	countsHTTP2 bool
}

// exempt reports whether the connection is that of a trusted proxy.
func (sl *slot) exempt() bool { return sl.member.address == nil }

// receive records that part of a request was received. Nearly always that is all of its headers;
// otherwise net/http reads again, which awaitHeaders records.
func (sl *slot) receive() {
	if sl.phase.Load() != phaseIdle {
		return
	}
	sl.slots.mu.Lock()
	defer sl.slots.mu.Unlock()
	if !sl.gone {
		sl.phase.Store(phaseReceiving)
		sl.waiting.leave()
	}
}

// awaitHeaders records that net/http reads the connection. If part of a request was received, the
// request now waits for its client until begin is called. If too many requests wait, the one that
// has waited longest is reset.
func (sl *slot) awaitHeaders() {
	s := sl.slots
	if s.requests == nil || sl.phase.Load() != phaseReceiving {
		return
	}
	s.mu.Lock()
	if sl.gone || !sl.phase.CompareAndSwap(phaseReceiving, phaseWaiting) {
		s.mu.Unlock()
		return
	}
	sl.headers = new(wait)
	longest := s.requests.enter(sl.headers, awaitedHeaders, sl)
	s.mu.Unlock()
	longest.makeRoom()
}

// reset implements resettable: it closes the connection in the middle of a request's headers.
func (sl *slot) reset(awaited) {
	s := sl.slots
	s.mu.Lock()
	gone := sl.gone
	if !gone {
		s.remove(sl)
	}
	s.mu.Unlock()
	if !gone {
		s.observer.ConnectionClosed()
		sl.breakOff()
	}
}

// endHeaders records that no request of the connection waits for its headers. The caller must not
// hold the lock of slots: end waits for a reset in progress, which takes that lock.
func (sl *slot) endHeaders() {
	if sl.slots.requests == nil {
		return
	}
	sl.slots.mu.Lock()
	headers := sl.headers
	sl.headers = nil
	sl.slots.mu.Unlock()
	headers.end()
}

// begin records that a request has been received to the end of its headers.
func (sl *slot) begin() {
	if sl.phase.CompareAndSwap(phaseReceiving, phaseServing) {
		return // receive has done the rest
	}
	sl.slots.mu.Lock()
	sl.phase.Store(phaseServing)
	sl.waiting.leave()
	sl.slots.mu.Unlock()
	sl.endHeaders()
}

// rest records that no request is in progress.
func (sl *slot) rest() {
	now := sl.slots.now()
	if sl.phase.Load() == phaseWaiting {
		sl.endHeaders()
	}
	sl.slots.mu.Lock()
	defer sl.slots.mu.Unlock()
	sl.phase.Store(phaseIdle)
	if !sl.gone {
		sl.since = now
		sl.slots.idle.push(&sl.waiting)
	}
}

// await waits until something is received, and keeps it for the next Read. It fails at the read
// deadline, and when the connection ends.
func (sl *slot) await() error {
	first := make([]byte, 1)
	if _, err := sl.receiveInto(first); err != nil {
		return err
	}
	sl.awaited = first
	return nil
}

// Read implements net.Conn.
func (sl *slot) Read(p []byte) (int, error) {
	if sl.awaited == nil {
		return sl.receiveInto(p)
	}
	n := copy(p, sl.awaited)
	sl.awaited = sl.awaited[n:]
	if len(sl.awaited) == 0 {
		sl.awaited = nil
	}
	return n, nil
}

// CloseWrite closes the write side if the connection supports it. Reading remains possible.
func (sl *slot) CloseWrite() error { return closeWrite(sl.Conn) }

// Close implements net.Conn.
func (sl *slot) Close() error {
	err := sl.Conn.Close() // before the slot is free, so that never more are open than allowed
	s := sl.slots
	s.mu.Lock()
	gone := sl.gone
	if !gone {
		s.remove(sl)
	}
	s.mu.Unlock()
	sl.endHeaders()
	if !gone {
		s.observer.ConnectionClosed()
	}
	return err
}

// breakOff closes a connection that has to make room. Unless it is idle, output that was not sent
// yet is dropped, because the kernel would keep it for a client that may never read.
func (sl *slot) breakOff() {
	conn, ok := sl.Conn.(interface{ SetLinger(seconds int) error })
	if ok && sl.phase.Load() != phaseIdle {
		_ = conn.SetLinger(0)
	}
	_ = sl.Conn.Close()
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

// trackRequests wraps a ConnState hook to record in the slots which connections are idle.
func trackRequests(follow func(net.Conn, http.ConnState)) func(net.Conn, http.ConnState) {
	return func(conn net.Conn, state http.ConnState) {
		follow(conn, state)
		sl := slotOf(conn)
		switch {
		case sl == nil:
		case state == http.StateActive:
			sl.begin()
		case state == http.StateIdle:
			sl.rest()
		}
	}
}
