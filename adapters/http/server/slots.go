package server

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/offload/sessiond/ports"
)

// silence is how long a new connection may be silent before it counts as idle. Until then its first
// request is on its way: if it counted as idle at once, then, while all others are busy, each new
// connection would take the place of the one before.
const silence = time.Second

// ConnectionObserver is told about the connections of a listener, before their clients can see it.
// It must not block.
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
	// most is how many connections may be open, at least 1, and perAddress how many of one address;
	// 0 is any number.
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
	// silent holds the connections on which no request has ever begun, and idle those that wait for
	// another request; in both the one that has waited longest is first.
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

// enter returns a slot for a new connection with that peer, or nil if it was refused and closed. It
// closes another connection if that must make room.
func (s *slots) enter(conn net.Conn, peer netip.Addr) *slot {
	sl := &slot{Conn: conn, slots: s, since: s.now()}
	sl.waiting.owner, sl.age.owner = sl, sl
	s.mu.Lock()
	if budget := s.place(sl, peer, s.exempts(peer)); budget != "" {
		s.mu.Unlock()
		s.observer.ConnectionRefused(budget)
		_ = conn.Close()
		return nil
	}
	var evicted *slot
	if s.open == s.most {
		evicted = s.victim(sl)
		s.remove(evicted)
	}
	s.open++
	s.silent.push(&sl.waiting)
	s.mu.Unlock()
	s.observer.ConnectionOpened()
	if evicted != nil {
		s.observer.ConnectionClosed()
		s.observer.ConnectionRefused(ports.BudgetConnections)
		evicted.endHeaders()
		evicted.breakOff()
	}
	return sl
}

// exempts reports whether the connections of peer are not counted by address. A peer without an
// address is on this host, at a Unix socket.
func (s *slots) exempts(peer netip.Addr) bool {
	return !peer.IsValid() || s.exempt != nil && s.exempt(peer)
}

// place counts a connection by its client's address. If a budget does not allow the connection, it
// is not counted, and the budget is returned. The caller must hold mu.
func (s *slots) place(sl *slot, client netip.Addr, exempt bool) (beyond ports.Budget) {
	if exempt {
		s.proxies.push(&sl.age)
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
	sl.member = member
	s.groups.join(member, sl)
	return ""
}

// victim returns the connection to close to make room for next: the one that has been idle longest,
// or the oldest of the site that has most. Those of trusted proxies come last, because each carries
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

// remove takes a connection out of every count. The caller must hold mu.
func (s *slots) remove(sl *slot) {
	sl.gone = true
	sl.waiting.leave()
	s.unplace(sl)
	if sl.countsHTTP2 {
		s.http2--
	}
	s.open--
}

// unplace reverts place. The caller must hold mu.
func (s *slots) unplace(sl *slot) {
	if sl.exempt() {
		sl.age.leave()
		return
	}
	s.groups.leave(sl.member, sl)
	sl.member = membership{}
}

// announce counts the connection by the client's address, which conn has from a PROXY header,
// instead of the proxy's. It reports whether the client may have another connection; if not, the
// caller must close this one.
func (sl *slot) announce(conn net.Conn) bool {
	client, s := peerOf(conn), sl.slots
	// All clients without an address count as one client.
	exempt := client.IsValid() && s.exempts(client)
	s.mu.Lock()
	if sl.gone {
		s.mu.Unlock()
		return false
	}
	s.unplace(sl)
	beyond := s.place(sl, client, exempt)
	if beyond != "" {
		s.proxies.push(&sl.age) // until the caller has closed it
	}
	s.mu.Unlock()
	if beyond != "" {
		s.observer.ConnectionRefused(beyond)
	}
	return beyond == ""
}

// unobserved is an observer that does nothing.
type unobserved struct{}

// ConnectionOpened implements ConnectionObserver.
func (unobserved) ConnectionOpened() {}

// ConnectionClosed implements ConnectionObserver.
func (unobserved) ConnectionClosed() {}

// ConnectionRefused implements ConnectionObserver.
func (unobserved) ConnectionRefused(ports.Budget) {}
