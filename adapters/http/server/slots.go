package server

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/offload/sessiond/ports"
)

// silence is how long a new connection may be silent before it counts as idle. Until then its first
// request is on its way: if it counted as idle at once, then, while all others are busy, each new
// connection would take the place of the one before.
const silence = time.Second

// ConnectionObserver is told about the connections of a listener. It must not block.
type ConnectionObserver interface {
	ConnectionOpened()
	ConnectionClosed()
	// ConnectionRefused is called when a connection was closed because of a budget: a new one, or
	// one that had to make room.
	ConnectionRefused(budget ports.Budget)
}

// slots bounds the open connections, in all and of each address and network. What it does for a
// connection takes the same time however many are open.
type slots struct {
	// most is how many may be open, at least 1; perAddress how many of one address, 0 for any
	// number.
	most, perAddress int
	// noHTTP2 is true if no connection may speak HTTP/2.
	noHTTP2 bool
	// exempt reports whether a peer is a trusted proxy, whose connections are those of many
	// clients.
	exempt   func(peer netip.Addr) bool
	now      func() time.Time
	observer ConnectionObserver

	mu   sync.Mutex
	open int
	// silent holds the connections on which no request has ever begun, by the time at which they
	// were opened; idle those that wait for another request, by the time since when.
	silent, idle queue[*slot]
	groups       groups
	// requests holds the requests of which the headers have not ended, among all that wait for
	// their clients; nil if they are not bounded.
	requests *waiting
	// http2 is how many connections of clients speak HTTP/2.
	http2 int
	// proxies holds the connections that are exempt, the oldest first.
	proxies queue[*slot]
}

// newSlots returns slots without connections.
func newSlots(limits Limits, now func() time.Time) *slots {
	s := &slots{most: max(limits.Connections, 1), perAddress: limits.PerAddress,
		noHTTP2: limits.NoHTTP2,
		exempt:  limits.Exempt, now: now, observer: limits.Observer,
		groups: groups{of: map[netip.Prefix]*group{}}}
	if limits.Budgets != nil {
		s.requests = limits.Budgets.waiting
	}
	if s.observer == nil {
		s.observer = unobserved{}
	}
	return s
}

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

// enter returns a slot for a new connection with that peer, or nil if it was refused and closed. It
// closes another connection if that must make room.
func (s *slots) enter(conn net.Conn, peer netip.Addr) *slot {
	one := &slot{Conn: conn, slots: s, since: s.now()}
	one.waiting.owner, one.age.owner = one, one
	s.mu.Lock()
	if budget := s.place(one, peer, s.exempts(peer)); budget != "" {
		s.mu.Unlock()
		_ = conn.Close()
		s.observer.ConnectionRefused(budget)
		return nil
	}
	var evicted *slot
	if s.open == s.most {
		evicted = s.victim(one)
		s.remove(evicted)
	}
	s.open++
	s.silent.push(&one.waiting)
	s.mu.Unlock()
	s.observer.ConnectionOpened()
	if evicted != nil {
		evicted.endHeaders()
		evicted.breakOff()
		s.observer.ConnectionClosed()
		s.observer.ConnectionRefused(ports.BudgetConnections)
	}
	return one
}

// exempts reports whether the connections of peer are not counted by address. A peer without an
// address is on this host, at a Unix socket.
func (s *slots) exempts(peer netip.Addr) bool {
	return !peer.IsValid() || s.exempt != nil && s.exempt(peer)
}

// place counts a connection by its client's address, or returns the budget that does not allow it.
func (s *slots) place(one *slot, client netip.Addr, exempt bool) (beyond ports.Budget) {
	if exempt {
		s.proxies.push(&one.age)
		return ""
	}
	member := s.groups.find(client)
	if s.perAddress > 0 {
		if member.address.open >= s.perAddress {
			return ports.BudgetConnectionsPerAddress
		}
		if member.network != nil && member.network.open >= networkFactor*s.perAddress {
			return ports.BudgetConnectionsPerNetwork
		}
	}
	one.member = member
	s.groups.join(member, one)
	return ""
}

// victim returns the connection that makes room for next: the one that has been idle longest, or
// the oldest of the site that has most. Those of trusted proxies come last, because each carries
// many clients.
func (s *slots) victim(next *slot) *slot {
	longest := s.idle.first
	if silent := s.silent.first; silent != nil && s.now().Sub(silent.owner.since) >= silence &&
		(longest == nil || silent.owner.since.Before(longest.owner.since)) {
		longest = silent
	}
	if longest != nil {
		return longest.owner
	}
	// next is the youngest of its site
	if site := s.groups.ranking.first(); site != nil && site.byAge.first.owner != next {
		return site.byAge.first.owner
	}
	return s.proxies.first.owner
}

// remove takes a connection out of every count.
func (s *slots) remove(one *slot) {
	one.gone = true
	one.waiting.leave()
	s.unplace(one)
	if one.countsHTTP2 {
		s.http2--
	}
	s.open--
}

// unplace reverts place.
func (s *slots) unplace(one *slot) {
	if one.exempt() {
		one.age.leave()
		return
	}
	s.groups.leave(one.member, one)
	one.member = membership{}
}

// announce counts the connection by the address of its client, which has a PROXY header, in place
// of the proxy's. It reports whether the client may have another connection; if not, the caller
// closes this one.
func (one *slot) announce(conn net.Conn) bool {
	client, s := peerOf(conn), one.slots
	// All clients without an address count as one.
	exempt := client.IsValid() && s.exempts(client)
	s.mu.Lock()
	if one.gone {
		s.mu.Unlock()
		return false
	}
	s.unplace(one)
	beyond := s.place(one, client, exempt)
	if beyond != "" {
		s.proxies.push(&one.age) // until the caller has closed it
	}
	s.mu.Unlock()
	if beyond != "" {
		s.observer.ConnectionRefused(beyond)
	}
	return beyond == ""
}

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
		one.breakOff()
		s.observer.ConnectionClosed()
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
	if _, err := one.Conn.Read(first); err != nil {
		return err
	}
	one.awaited = first
	return nil
}

// Read implements net.Conn.
func (one *slot) Read(p []byte) (int, error) {
	if one.awaited == nil {
		return one.Conn.Read(p)
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

// unobserved is an observer that does nothing.
type unobserved struct{}

// ConnectionOpened implements observer.
func (unobserved) ConnectionOpened() {}

// ConnectionClosed implements observer.
func (unobserved) ConnectionClosed() {}

// ConnectionRefused implements observer.
func (unobserved) ConnectionRefused(ports.Budget) {}
