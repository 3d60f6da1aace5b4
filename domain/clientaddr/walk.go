// Package clientaddr determines the client address of a request that came through trusted proxies,
// and which part of that address identifies one client.
//
// A forwarding header is a claim by whoever sent it. So it is read from the right, starting with
// the hop that connected to us, and only as far as each hop is trusted; everything to the left of
// the first untrusted hop was written by a stranger. The package imports only the standard library.
package clientaddr

import (
	"net/netip"
	"strings"
)

// MaxEntries is the number of entries of a forwarding header that are examined, from the right.
const MaxEntries = 50

// Trusted is the set of proxies whose forwarding headers are believed. The zero value is empty.
type Trusted struct{ prefixes []netip.Prefix }

// NewTrusted returns the set of all addresses in prefixes. An IPv4-mapped IPv6 prefix counts as the
// IPv4 prefix.
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

// IsEmpty reports whether no proxy is trusted.
func (t Trusted) IsEmpty() bool { return len(t.prefixes) == 0 }

// Contains reports whether addr is a trusted proxy.
func (t Trusted) Contains(addr netip.Addr) bool {
	addr = plain(addr)
	for _, prefix := range t.prefixes {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// Entries yields the entries of a forwarding header from the right-most to the left-most, across
// all its lines. Malformed entries are yielded too, unchanged or empty.
type Entries func(yield func(entry string) bool)

// Client returns the client's address: peer, or, if peer is trusted, the right-most entry that is
// not a trusted proxy. An entry that is not an address ends the walk at the last trusted hop, and
// so does entry MaxEntries. If every entry is a trusted proxy, the left-most one is the client.
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

// shared is the address range for carriers (RFC 6598), which clouds also use internally.
var shared = netip.MustParsePrefix("100.64.0.0/10")

// IsPrivate reports whether addr cannot belong to a client on the public internet. A peer with such
// an address is a machine of the operator's own network, most likely a proxy.
func IsPrivate(addr netip.Addr) bool {
	addr = plain(addr)
	return addr.IsPrivate() || addr.IsLoopback() || addr.IsLinkLocalUnicast() ||
		shared.Contains(addr)
}

// plain returns addr without its zone, and an IPv4-mapped IPv6 address as IPv4.
func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

// parse reads one entry: an address, with or without brackets and a port.
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
	// before the check: with a zone, or mapped to IPv6, the unspecified address would not be
	// recognized
	addr = plain(addr)
	if err != nil || addr.IsUnspecified() {
		return netip.Addr{}, false
	}
	return addr, true
}

// isPort reports whether text is a colon and a port, which a proxy may have obfuscated (RFC 7239
// §6).
func isPort(text string) bool {
	const digits, letters = "0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	port, ok := strings.CutPrefix(text, ":")
	if name, obfuscated := strings.CutPrefix(port, "_"); ok && obfuscated {
		return name != "" && strings.Trim(name, digits+letters+"._-") == ""
	}
	return ok && len(port) >= 1 && len(port) <= 5 && strings.Trim(port, digits) == ""
}

// Truncate returns the part of addr that identifies one client: an IPv4 address in full, an IPv6
// address cut to its first bits (32 to 128), because one customer holds every address below that
// prefix.
func Truncate(addr netip.Addr, bits int) netip.Prefix {
	addr = plain(addr)
	if addr.Is4() {
		return netip.PrefixFrom(addr, addr.BitLen())
	}
	prefix, err := addr.Prefix(bits)
	if err != nil {
		// Not an address, or an invalid length: all such requests count as one client.
		return netip.Prefix{}
	}
	return prefix
}
