// Package clientaddr tells whose address a request comes from, behind proxies that are trusted, and how much of that address
// counts as one client.
//
// A forwarding header is a claim by whoever sent it. So it is read from the right, from the hop that we saw ourselves, and only as far as each
// hop is trusted; what stands left of the first stranger was written by a stranger. The package imports the standard library alone.
package clientaddr

import (
	"net/netip"
	"strings"
)

// MaxEntries is how many entries of a forwarding header are looked at, from the right.
const MaxEntries = 50

// Trusted is the set of proxies whose forwarding headers are believed. The zero value trusts nobody.
type Trusted struct{ prefixes []netip.Prefix }

// Trust makes the set of all addresses in prefixes. A prefix of IPv4 written inside IPv6 counts as the IPv4 one.
func NewTrusted(prefixes ...netip.Prefix) Trusted {
	plain := make([]netip.Prefix, 0, len(prefixes))
	for _, prefix := range prefixes {
		if addr := prefix.Addr(); addr.Is4In6() && prefix.Bits() >= 96 {
			prefix = netip.PrefixFrom(addr.Unmap(), prefix.Bits()-96)
		}
		plain = append(plain, prefix.Masked())
	}
	return Trusted{prefixes: plain}
}

// Nobody tells whether the set is empty.
func (t Trusted) IsEmpty() bool { return len(t.prefixes) == 0 }

// Holds tells whether addr is a trusted proxy.
func (t Trusted) Contains(addr netip.Addr) bool {
	addr = plain(addr)
	for _, prefix := range t.prefixes {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// Entries yields the entries of a forwarding header from the right-most to the left-most, across all its lines. Entries that
// no reader can make out are yielded too, as they stand or empty.
type Entries func(yield func(entry string) bool)

// Client is the address of the client: peer, unless peer is trusted; then the right-most entry that is not a trusted proxy. An entry that is
// no address ends the walk at the last trusted hop, and so does the MaxEntries-th. With no entry left, the left-most is the client.
func Client(peer netip.Addr, trusted Trusted, entries Entries) netip.Addr {
	client := plain(peer)
	if !trusted.Contains(client) {
		return client
	}
	seen := 0
	for entry := range entries {
		addr, ok := parse(entry)
		if !ok {
			return client
		}
		client = addr
		seen++
		if !trusted.Contains(addr) || seen == MaxEntries {
			return client
		}
	}
	return client
}

// shared is RFC 6598's range for carriers, which clouds use inside too.
var shared = netip.MustParsePrefix("100.64.0.0/10")

// Private tells whether addr is one that no client of the open internet has: a peer there is a machine of one's own, most likely a proxy.
func IsPrivate(addr netip.Addr) bool {
	addr = plain(addr)
	return addr.IsPrivate() || addr.IsLoopback() || addr.IsLinkLocalUnicast() ||
		shared.Contains(addr)
}

// plain is addr without zone, and as IPv4 where it is IPv4 inside IPv6.
func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

// parse reads one entry: an address, with or without brackets and port.
func parse(entry string) (netip.Addr, bool) {
	host := entry
	if rest, bracketed := strings.CutPrefix(entry, "["); bracketed {
		inside, port, closed := strings.Cut(rest, "]")
		if !closed || port != "" && !isPort(port) {
			return netip.Addr{}, false
		}
		host = inside
	} else if strings.Count(entry, ":") == 1 {
		var port string
		host, port, _ = strings.Cut(entry, ":")
		if !isPort(":" + port) {
			return netip.Addr{}, false
		}
	}
	addr, err := netip.ParseAddr(host)
	addr = plain(addr) // first: with a zone, or as IPv4 inside IPv6, the unspecified address would not be known
	if err != nil || addr.IsUnspecified() {
		return netip.Addr{}, false
	}
	return addr, true
}

// isPort tells whether text is a colon and a port, which a proxy may have obfuscated (RFC 7239 §6).
func isPort(text string) bool {
	const digits, letters = "0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	port, ok := strings.CutPrefix(text, ":")
	if name, obfuscated := strings.CutPrefix(port, "_"); ok && obfuscated {
		return name != "" && strings.Trim(name, digits+letters+"._-") == ""
	}
	return ok && len(port) >= 1 && len(port) <= 5 && strings.Trim(port, digits) == ""
}

// Cut is the part of addr that counts as one client: IPv4 as it is, IPv6 cut to its first bits (32 to 128), for one customer
// holds all that lies below.
func Truncate(addr netip.Addr, bits int) netip.Prefix {
	addr = plain(addr)
	if addr.Is4() {
		return netip.PrefixFrom(addr, addr.BitLen())
	}
	prefix, err := addr.Prefix(bits)
	if err != nil {
		// No address, or no such cut: everybody whom this befalls is one client.
		return netip.Prefix{}
	}
	return prefix
}
