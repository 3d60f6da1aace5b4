// Package clientaddr determines which client address a request comes from when it passes through
// trusted proxies, and how much of that address identifies one client.
//
// A forwarding header is a claim by its sender. It is therefore read from the right, starting at
// the hop that connected to us, and only for as long as each hop is trusted: everything to the left
// of the first untrusted address was written by an untrusted client. The package imports the
// standard library only.
package clientaddr

import (
	"net/netip"
	"strings"
)

// MaxEntries is the maximum number of entries of a forwarding header that are examined, from the
// right.
const MaxEntries = 50

// Trusted is the set of proxies whose forwarding headers are believed. The zero value is empty.
type Trusted struct{ prefixes []netip.Prefix }

// NewTrusted returns the set of all addresses in prefixes. An IPv4 prefix that is written as
// IPv4-mapped IPv6 is treated as the IPv4 prefix.
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

// IsEmpty reports whether the set is empty.
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

// Entries yields the entries of a forwarding header from right to left, across all its lines.
// Entries that cannot be parsed are yielded too, either unchanged or as an empty string.
type Entries func(yield func(entry string) bool)

// Client returns the address of the client. It is peer, unless peer is trusted; then it is the
// right-most entry that is not a trusted proxy. At an entry that is not an address, or after
// MaxEntries entries, the walk ends, and the last trusted hop is the client. If all entries are
// trusted, the left-most one is the client.
func Client(peer netip.Addr, trusted Trusted, entries Entries) netip.Addr {
	client := plain(peer)
	if !trusted.Contains(client) {
		return client
	}
	return walk(client, trusted, entries)
}

// ClientBehindSocket returns the address of the client of a proxy that connects through a Unix
// socket, which is trusted. It is found like that of any other trusted proxy. Without a usable
// entry it is the zero Addr: all such clients count as one.
func ClientBehindSocket(trusted Trusted, entries Entries) netip.Addr {
	return walk(netip.Addr{}, trusted, entries)
}

// walk returns the client, given the last trusted hop.
func walk(client netip.Addr, trusted Trusted, entries Entries) netip.Addr {
	w := walker{client: client, trusted: trusted}
	entries(w.next)
	return w.client
}

// walker is the state of a walk over entries. It replaces a range loop, whose variables would each
// be allocated because Entries is not known at compile time.
type walker struct {
	client  netip.Addr
	trusted Trusted
	seen    int
}

// next examines the next entry. It reports whether the walk continues.
func (w *walker) next(entry string) bool {
	addr, ok := parse(entry)
	if !ok {
		return false
	}
	w.client = addr
	w.seen++
	return w.trusted.Contains(addr) && w.seen < MaxEntries
}

// shared is the range of RFC 6598 for carrier-grade NAT, which cloud providers also use internally.
var shared = netip.MustParsePrefix("100.64.0.0/10")

// IsPrivate reports whether addr is in a range that no client on the public internet has. A peer
// with such an address belongs to the operator and is most likely a proxy.
func IsPrivate(addr netip.Addr) bool {
	addr = plain(addr)
	return addr.IsPrivate() || addr.IsLoopback() || addr.IsLinkLocalUnicast() ||
		shared.Contains(addr)
}

// plain returns addr without its zone, and as IPv4 if it is an IPv4-mapped IPv6 address.
func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

// parse parses one entry: an address, with or without brackets and port.
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
	// IsUnspecified does not recognize an address with a zone or an IPv4-mapped one.
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
