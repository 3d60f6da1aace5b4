package clientaddr

import "net/netip"

// The prefix lengths of a network, which the address of one client lies in. They are what one
// holder of many addresses commonly has.
const (
	networkBits4 = 24
	networkBits6 = 48
)

// Truncate returns the part of addr that identifies one client: an IPv4 address as it is, also if
// it is embedded in an IPv6 address; an IPv6 address truncated to its first bits (32 to 128),
// because one customer holds all addresses below that prefix.
func Truncate(addr netip.Addr, bits int) netip.Prefix {
	addr = counted(addr)
	if addr.Is4() {
		return netip.PrefixFrom(addr, addr.BitLen())
	}
	return prefixOf(addr, bits)
}

// Network returns the network that addr lies in: the /24 of an IPv4 address, the /48 of an IPv6
// address. There is none for an IPv6 address if the part that identifies one client, its first bits
// (see Truncate), is no longer than that.
func Network(addr netip.Addr, bits int) (netip.Prefix, bool) {
	addr = counted(addr)
	if addr.Is4() {
		return prefixOf(addr, networkBits4), true
	}
	return prefixOf(addr, networkBits6), bits > networkBits6
}

// prefixOf returns the first bits of addr. If addr is no address, or the length is invalid, it
// returns the zero Prefix: all such clients count as one.
func prefixOf(addr netip.Addr, bits int) netip.Prefix {
	prefix, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}

// embedding is a range of IPv6 addresses that stand for the IPv4 address that they contain, at a
// position in bytes.
type embedding struct {
	prefix   netip.Prefix
	at       int
	inverted bool
}

// The ranges in which a translator or a tunnel embeds the IPv4 address of its client. An
// IPv4-mapped address is handled by plain.
var embeddings = []embedding{
	{prefix: netip.MustParsePrefix("64:ff9b::/96"), at: 12},    // NAT64 (RFC 6052)
	{prefix: netip.MustParsePrefix("64:ff9b:1::/48"), at: 12},  // NAT64 of one site (RFC 8215)
	{prefix: netip.MustParsePrefix("::ffff:0:0:0/96"), at: 12}, // SIIT (RFC 2765)
	{prefix: netip.MustParsePrefix("2002::/16"), at: 2},        // 6to4 (RFC 3056)
	// Teredo (RFC 4380): the address of the client's NAT, inverted.
	{prefix: netip.MustParsePrefix("2001::/32"), at: 12, inverted: true},
}

// counted returns the address that addr counts as. It must not decide which proxies are trusted: a
// stranger may be able to send from an address that embeds a proxy's.
func counted(addr netip.Addr) netip.Addr {
	addr = plain(addr)
	for _, e := range embeddings {
		if e.prefix.Contains(addr) {
			all := addr.As16()
			embedded := [4]byte(all[e.at:])
			if e.inverted {
				for i := range embedded {
					embedded[i] = ^embedded[i]
				}
			}
			return netip.AddrFrom4(embedded)
		}
	}
	return addr
}
