package clientaddr

import "net/netip"

// The prefix lengths of a network (see Network): the usual size of what one holder of many
// addresses has.
const (
	networkBits4 = 24
	networkBits6 = 48
)

// Truncate returns the part of addr that identifies one client: a whole IPv4 address, even if it is
// embedded in an IPv6 address; of an IPv6 address, its first bits bits (32 to 128), because one
// customer holds all addresses below that prefix.
func Truncate(addr netip.Addr, bits int) netip.Prefix {
	addr = counted(addr)
	if addr.Is4() {
		return netip.PrefixFrom(addr, addr.BitLen())
	}
	return prefixOf(addr, bits)
}

// Network returns the network of addr: the /24 of an IPv4 address, the /48 of an IPv6 address. ok
// is false for an IPv6 address if bits, the length of the part that identifies one client (see
// Truncate), is at most 48: then the network would not be larger than the client.
func Network(addr netip.Addr, bits int) (network netip.Prefix, ok bool) {
	addr = counted(addr)
	if addr.Is4() {
		return prefixOf(addr, networkBits4), true
	}
	return prefixOf(addr, networkBits6), bits > networkBits6
}

// prefixOf returns the prefix of addr with that length. If addr is the zero Addr, or the length is
// invalid, it returns the zero Prefix: all such clients count as one.
func prefixOf(addr netip.Addr, bits int) netip.Prefix {
	prefix, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}

// embedding is a range of IPv6 addresses that contain the IPv4 address of a client.
type embedding struct {
	prefix   netip.Prefix
	at       int  // the index of the first byte of the IPv4 address
	inverted bool // each bit of the IPv4 address is inverted
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

// counted returns the address that addr counts as: the IPv4 address that is embedded in it, or addr
// itself. It must not be used to decide which proxies are trusted: a stranger may be able to send
// from an address that embeds that of a proxy.
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
