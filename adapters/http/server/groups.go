package server

import "net/netip"

// These are the prefix lengths of a network, of which the connections are bounded together, and of
// an IPv6 site. A site is what one subscriber usually has, and can take any number of addresses
// from; for IPv4 it is one address.
const (
	networkIPv4, networkIPv6 = 24, 48
	siteIPv6                 = 64
)

// networkFactor is how many times as many connections a network may have as one address.
const networkFactor = 4

// group counts the open connections of one prefix.
type group struct {
	prefix netip.Prefix
	open   int
	byAge  queue[*slot] // of a site only, the oldest connection first
	rank   link[*group]
}

// groups counts open connections by address, site and network. It has at most three entries for
// each open connection.
type groups struct {
	of      map[netip.Prefix]*group
	ranking ranking
}

// membership is the groups that a connection counts in. Site and address may be the same group. A
// client without an address has no network.
type membership struct{ address, site, network *group }

// find returns the groups of an address, which the connection does not yet count in. The zero Addr
// stands for all clients without one.
func (g *groups) find(addr netip.Addr) membership {
	addr = addr.Unmap()
	m := membership{address: g.get(prefix(addr, addr.BitLen()))}
	m.site = m.address
	switch {
	case addr.Is6():
		m.site = g.get(prefix(addr, siteIPv6))
		m.network = g.get(prefix(addr, networkIPv6))
	case addr.Is4():
		m.network = g.get(prefix(addr, networkIPv4))
	}
	return m
}

// prefix returns the prefix of addr with the given length, or the zero Prefix for the zero Addr.
func prefix(addr netip.Addr, bits int) netip.Prefix {
	p, _ := addr.Prefix(bits)
	return p
}

// get returns the group of a prefix: a new one, which is not yet in the map, if there is none.
func (g *groups) get(prefix netip.Prefix) *group {
	if known := g.of[prefix]; known != nil {
		return known
	}
	created := &group{prefix: prefix}
	created.rank.owner = created
	return created
}

// join counts s in the groups of m. The caller must have held the lock since find returned m.
func (g *groups) join(m membership, s *slot) {
	for counted := range m.each {
		g.of[counted.prefix] = counted
		counted.open++
	}
	m.site.byAge.push(&s.age)
	g.ranking.update(m.site)
}

// leave reverts join.
func (g *groups) leave(m membership, s *slot) {
	for counted := range m.each {
		if counted.open--; counted.open == 0 {
			delete(g.of, counted.prefix)
		}
	}
	s.age.leave()
	g.ranking.update(m.site)
}

// each yields each group of m once.
func (m membership) each(yield func(*group) bool) {
	if !yield(m.address) {
		return
	}
	if m.site != m.address && !yield(m.site) {
		return
	}
	if m.network != nil {
		yield(m.network)
	}
}

// ranking finds the site with the most open connections. A site moves by one place at a time, so
// that each change takes the same time however many there are.
type ranking struct {
	bySize  []*queue[*group] // index: the number of open connections
	largest int
}

// update puts site where its number of connections, which has changed by one, belongs.
func (r *ranking) update(site *group) {
	for len(r.bySize) <= site.open {
		r.bySize = append(r.bySize, &queue[*group]{})
	}
	site.rank.leave()
	if site.open > 0 {
		r.bySize[site.open].push(&site.rank)
	}
	r.largest = max(r.largest, site.open)
	if r.largest > 0 && r.bySize[r.largest].first == nil {
		r.largest--
	}
}

// first returns a site with the most connections, or nil if there is none.
func (r *ranking) first() *group {
	if r.largest == 0 {
		return nil
	}
	return r.bySize[r.largest].first.owner
}
