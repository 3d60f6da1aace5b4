package server

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/ports/portsfake"
)

// peer is a connection from an address that records whether it was closed.
type peer struct {
	net.Conn
	addr   net.Addr
	closed bool
}

func (p *peer) RemoteAddr() net.Addr { return p.addr }
func (p *peer) Close() error         { p.closed = true; return nil }

// observedSlots is slots with a clock that the test moves. It is their observer, and counts its
// calls.
type observedSlots struct {
	*slots
	time    time.Time
	open    int
	refused map[ports.Budget]int
}

func (v *observedSlots) ConnectionOpened()                       { v.open++ }
func (v *observedSlots) ConnectionClosed()                       { v.open-- }
func (v *observedSlots) ConnectionRefused(budget ports.Budget)   { v.refused[budget]++ }
func (v *observedSlots) pass(d time.Duration)                    { v.time = v.time.Add(d) }
func (v *observedSlots) closed(conn *slot) bool                  { return conn.Conn.(*peer).closed }
func (v *observedSlots) enterFrom(address string) (*peer, *slot) { return v.enterAs(address, 4711) }

func (v *observedSlots) enterAs(address string, port uint16) (*peer, *slot) {
	p := &peer{addr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(address), port))}
	return p, v.enter(p, peerOf(p))
}

func newObservedSlots(limits Limits) *observedSlots {
	v := &observedSlots{time: time.Unix(1_700_000_000, 0), refused: map[ports.Budget]int{}}
	limits.Observer = v
	v.slots = newSlots(limits, func() time.Time { return v.time })
	return v
}

// mustEnter enters a connection that must not be refused.
func (v *observedSlots) mustEnter(t testing.TB, address string) *slot {
	t.Helper()
	_, one := v.enterFrom(address)
	require.NotNil(t, one, "%s was refused", address)
	v.pass(time.Millisecond)
	return one
}

func TestSlotsCloseTheConnectionThatHasBeenIdleLongest(t *testing.T) {
	v := newObservedSlots(Limits{Connections: 4})
	first, second := v.mustEnter(t, "192.0.2.1"), v.mustEnter(t, "192.0.2.2")
	third, busy := v.mustEnter(t, "192.0.2.3"), v.mustEnter(t, "192.0.2.4")
	for _, one := range []*slot{first, second, third, busy} {
		one.begin()
	}
	for _, one := range []*slot{second, third, first} {
		v.pass(time.Second)
		one.rest()
	}
	third.begin() // a second request on it
	for _, evicted := range []*slot{second, first} {
		assert.False(t, v.closed(evicted))
		v.mustEnter(t, "192.0.2.5").begin()
		assert.True(t, v.closed(evicted))
	}
	assert.False(t, v.closed(third))
	assert.False(t, v.closed(busy))
	assert.Equal(t, 4, v.open)
	assert.Equal(t, map[ports.Budget]int{ports.BudgetConnections: 2}, v.refused)
	require.NoError(t, second.Close(), "net/http closes it as well")
	second.rest()
	assert.Equal(t, 4, v.open, "it counts once")
	assert.Equal(t, 4, v.slots.open)
}

func TestSlotsCountASilentConnectionAsIdleAfterAMoment(t *testing.T) {
	v := newObservedSlots(Limits{Connections: 3})
	busy, other := v.mustEnter(t, "192.0.2.1"), v.mustEnter(t, "192.0.2.1")
	busy.begin()
	other.begin()
	silent := v.mustEnter(t, "192.0.2.2")
	fresh := v.mustEnter(t, "192.0.2.3")
	assert.True(t, v.closed(busy), "the request of a new connection may be on its way")
	v.pass(silence)
	v.mustEnter(t, "192.0.2.4")
	assert.True(t, v.closed(silent))
	assert.False(t, v.closed(fresh))
}

func TestSlotsCloseTheOldestOfTheClientThatHasMost(t *testing.T) {
	for name, c := range map[string]struct{ many, few func(n int) string }{
		"IPv4 addresses": {func(int) string { return "198.51.100.7" },
			func(n int) string { return fmt.Sprintf("203.0.113.%d", n) }},
		"IPv6 sites": {func(n int) string { return fmt.Sprintf("2001:db8::%d", n) },
			func(n int) string { return fmt.Sprintf("2001:db8:0:1%d::1", n) }},
	} {
		t.Run(name, func(t *testing.T) {
			v := newObservedSlots(Limits{Connections: 8})
			var many, few []*slot
			for n := range 4 {
				few = append(few, v.mustEnter(t, c.few(n)))
				many = append(many, v.mustEnter(t, c.many(n)))
			}
			for _, one := range append(append([]*slot{}, many...), few...) {
				one.begin()
			}
			for n := range 3 {
				v.mustEnter(t, c.few(5+n)).begin()
				assert.True(t, v.closed(many[n]), "number %d", n)
			}
			assert.False(t, v.closed(many[3]))
			for _, one := range few {
				assert.False(t, v.closed(one))
			}
		})
	}
}

func TestSlotsBoundAnAddressAndItsNetwork(t *testing.T) {
	v := newObservedSlots(Limits{Connections: 100, PerAddress: 2,
		Exempt: func(peer netip.Addr) bool { return peer == netip.MustParseAddr("10.0.0.1") }})
	for _, c := range []struct {
		address string
		served  int
		beyond  ports.Budget
	}{
		{"192.0.2.1", 2, ports.BudgetConnectionsPerAddress},
		{"::ffff:192.0.2.1", 0, ports.BudgetConnectionsPerAddress},
		{"192.0.2.2", 2, ports.BudgetConnectionsPerAddress},
		{"192.0.2.3", 2, ports.BudgetConnectionsPerAddress},
		{"192.0.2.4", 2, ports.BudgetConnectionsPerAddress},
		{"192.0.2.5", 0, ports.BudgetConnectionsPerNetwork},
		{"192.0.3.5", 2, ports.BudgetConnectionsPerAddress},
		{"2001:db8::1", 2, ports.BudgetConnectionsPerAddress},
		{"2001:db8::2", 2, ports.BudgetConnectionsPerAddress},
		{"2001:db8:0:ffff::1", 2, ports.BudgetConnectionsPerAddress},
		{"2001:db8:0:fffe::1", 2, ports.BudgetConnectionsPerAddress},
		{"2001:db8:0:fffd::1", 0, ports.BudgetConnectionsPerNetwork},
		{"2001:db8:1::1", 2, ports.BudgetConnectionsPerAddress},
	} {
		before := v.refused[c.beyond]
		for n := range c.served {
			_, one := v.enterFrom(c.address)
			require.NotNil(t, one, "number %d of %s", n, c.address)
		}
		conn, one := v.enterFrom(c.address)
		assert.Nil(t, one, c.address)
		assert.True(t, conn.closed, "closed at once")
		assert.Equal(t, before+1, v.refused[c.beyond], c.address)
	}
	for range 20 {
		v.mustEnter(t, "10.0.0.1")
	}
	_, freed := v.enterFrom("192.0.4.1")
	require.NoError(t, freed.Close())
	v.mustEnter(t, "192.0.4.1")
	v.mustEnter(t, "192.0.4.1")
}

func TestSlotsCountAnAnnouncedClient(t *testing.T) {
	proxy := netip.MustParseAddr("10.0.0.1")
	v := newObservedSlots(Limits{Connections: 6, PerAddress: 2,
		Exempt: func(peer netip.Addr) bool { return peer == proxy }})
	announce := func(client net.Addr) bool {
		_, one := v.enterFrom("10.0.0.1")
		require.NotNil(t, one)
		served := one.announce(&proxied{Conn: one, client: client})
		if !served {
			require.NoError(t, one.Close())
		}
		return served
	}
	client := &net.TCPAddr{IP: net.IP{192, 0, 2, 1}, Port: 1}
	assert.True(t, announce(client))
	assert.True(t, announce(client))
	assert.False(t, announce(client))
	assert.True(t, announce(unknownAddr{}))
	assert.True(t, announce(unknownAddr{}))
	assert.False(t, announce(unknownAddr{}), "all clients without an address count as one")
	for range 2 {
		assert.True(t, announce(&net.TCPAddr{IP: net.IP{10, 0, 0, 1}, Port: 1}),
			"the proxy itself is exempt")
	}
	assert.Equal(t, 6, v.open)
	assert.Equal(t, 2, v.refused[ports.BudgetConnectionsPerAddress])
}

// TestSlotsTakeClientsBeforeProxies checks that a trusted proxy, which has most connections because
// it carries many clients, does not lose them to a client that connects directly.
func TestSlotsTakeClientsBeforeProxies(t *testing.T) {
	v := newObservedSlots(Limits{Connections: 4, Exempt: netip.Addr.IsPrivate})
	var proxies []*slot
	for range 3 {
		proxies = append(proxies, v.mustEnter(t, "10.0.0.1"))
	}
	client := v.mustEnter(t, "192.0.2.1")
	for _, one := range append(proxies, client) {
		one.begin()
	}
	next := v.mustEnter(t, "192.0.2.2")
	next.begin()
	assert.True(t, v.closed(client))
	v.mustEnter(t, "10.0.0.2").begin()
	assert.True(t, v.closed(next))
	v.mustEnter(t, "192.0.2.3").begin()
	assert.True(t, v.closed(proxies[0]), "when they are all there is, the oldest")
}

func TestSlotsBoundUnfinishedHeaders(t *testing.T) {
	const most = 4
	events := &portsfake.Events{}
	budgets := newBudgets(1, 0, most, portsfake.NewClock(time.Time{}), events)
	v := newObservedSlots(Limits{Connections: 100, Budgets: budgets})
	var unfinished []*slot
	for range most {
		one := v.mustEnter(t, "192.0.2.1")
		one.receive()
		one.awaitHeaders()
		one.receive() // more of the same headers
		one.awaitHeaders()
		unfinished = append(unfinished, one)
	}
	begun, idle := v.mustEnter(t, "192.0.2.2"), v.mustEnter(t, "192.0.2.2")
	idle.awaitHeaders() // of a request of which nothing was received
	begun.receive()
	begun.begin()
	begun.awaitHeaders()  // net/http waits for the client to go away
	unfinished[0].begin() // its headers end
	for range 2 {
		one := v.mustEnter(t, "192.0.2.3")
		one.receive()
		one.awaitHeaders()
	}
	assert.False(t, v.closed(unfinished[0]))
	assert.True(t, v.closed(unfinished[1]))
	assert.False(t, v.closed(unfinished[2]))
	assert.False(t, v.closed(begun))
	assert.False(t, v.closed(idle))
	shed := ports.Event(ports.RequestsShed{Budget: ports.BudgetWaiting})
	assert.Equal(t, []ports.Event{shed}, events.Recorded())
	assert.Equal(t, most+3, v.open)

	// what waits for a body shares the bound
	var body wait
	budgets.waiting.begin(&body, awaitedBody,
		resetFunc(func() { t.Error("the body was reset, although headers waited longer") }))
	assert.True(t, v.closed(unfinished[2]))
	assert.Equal(t, []ports.Event{shed, shed}, events.Recorded())
	for _, one := range unfinished {
		require.NoError(t, one.Close())
	}
	body.end()
	assert.Equal(t, 2, budgets.waiting.size(), "the two that came last")
	assert.Empty(t, v.refused)
}

// TestSlotsAccountForEverything lets connections come, work, rest and go in any order, and checks
// the bounds and that nothing is kept of connections that are gone.
func TestSlotsAccountForEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const most, perAddress, mostWaiting = 6, 2, 3
		budgets := newBudgets(1, 0, mostWaiting, portsfake.NewClock(time.Time{}),
			&portsfake.Events{})
		v := newObservedSlots(Limits{Connections: most, PerAddress: perAddress,
			Exempt: netip.Addr.IsPrivate, Budgets: budgets})
		addresses := []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "198.51.100.1", "2001:db8::1",
			"2001:db8::2", "2001:db8:0:1::1", "10.0.0.1"}
		var entered []*slot
		open := func() (list []*slot) {
			for _, one := range entered {
				if !v.closed(one) {
					list = append(list, one)
				}
			}
			return list
		}
		pick := func(t *rapid.T) *slot {
			if len(entered) == 0 {
				_, first := v.enterFrom(addresses[0])
				entered = append(entered, first)
			}
			return rapid.SampledFrom(entered).Draw(t, "connection")
		}
		t.Repeat(map[string]func(*rapid.T){
			"enter": func(t *rapid.T) {
				if _, one := v.enterFrom(rapid.SampledFrom(addresses).Draw(t, "address")); one != nil {
					entered = append(entered, one)
				}
			},
			"begin":   func(t *rapid.T) { pick(t).begin() },
			"receive": func(t *rapid.T) { pick(t).receive() },
			"await":   func(t *rapid.T) { pick(t).awaitHeaders() },
			"rest":    func(t *rapid.T) { pick(t).rest() },
			"close":   func(t *rapid.T) { require.NoError(t, pick(t).Close()) },
			"announce": func(t *rapid.T) {
				one := pick(t)
				address := rapid.SampledFrom(addresses).Draw(t, "address")
				client := net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(address), 1))
				if !one.announce(&proxied{Conn: one, client: client}) {
					require.NoError(t, one.Close())
				}
			},
			"pass": func(*rapid.T) { v.pass(silence / 2) },
			"": func(t *rapid.T) {
				left := open()
				assert.LessOrEqual(t, len(left), most)
				assert.Equal(t, len(left), v.open)
				assert.Equal(t, len(left), v.slots.open)
				expected := map[netip.Prefix]int{}
				sites, largest := map[*group]bool{}, 0
				waiting := 0
				for _, one := range left {
					assert.Equal(t, one.waiting.in == nil, one.phase.Load() != phaseIdle)
					assert.Equal(t, one.headers != nil, one.phase.Load() == phaseWaiting)
					if one.headers != nil {
						waiting++
					}
					if one.member.address == nil {
						assert.Same(t, &v.proxies, one.age.in)
						continue
					}
					for g := range one.member.each {
						expected[g.prefix]++
					}
					sites[one.member.site] = true
					largest = max(largest, one.member.site.open)
				}
				assert.LessOrEqual(t, waiting, mostWaiting)
				assert.Equal(t, waiting, budgets.waiting.size())
				assert.Len(t, v.groups.of, len(expected))
				for prefix, count := range expected {
					require.Contains(t, v.groups.of, prefix)
					assert.Equal(t, count, v.groups.of[prefix].open)
				}
				assert.Equal(t, largest, v.groups.ranking.largest)
				for site := range sites {
					assert.Same(t, v.groups.ranking.bySize[site.open], site.rank.in)
				}
			},
		})
	})
}
