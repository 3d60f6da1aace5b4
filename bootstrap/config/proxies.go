package config

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/offload/sessiond/domain/clientaddr"
)

const remedyProxies = "use addresses and prefixes separated by commas, such as " +
	"10.0.0.7,192.0.2.0/24,2001:db8::/48"

// remedyComma is the remedy for an empty entry of a list.
const remedyComma = "remove it: the value is blank or has a comma too many"

// The sizes of prefixes, in bits. No operator's proxies fill a prefix with a length below minBits4
// or minBits6. One with more than hostBits bits for hosts holds more addresses than an operator has
// proxies, so clients may be in it.
const (
	minBits4, minBits6 = 8, 16
	hostBits           = 16
)

// trusted returns the proxies whose forwarding header and PROXY protocol announcements are trusted.
// Faults give the position of the entry.
func (r *reviewer) trusted() []netip.Prefix {
	prefixes := make([]netip.Prefix, 0, len(r.fields.Proxies))
	for i, entry := range r.fields.Proxies {
		which := fmt.Sprintf("entry %d ", i+1)
		if entry == "" {
			r.faultOf(VarProxies, which+"is empty", remedyComma)
			continue
		}
		prefix, ok := parsePrefix(entry)
		if !ok {
			r.faultOf(VarProxies, which+"is not an address or a prefix"+quotedUnlessSecret(entry),
				remedyProxies+meantProxy(entry))
			continue
		}
		prefixes = append(prefixes, prefix)
		if tooShort(prefix) && r.production {
			r.faultOf(VarProxies, which+"trusts "+amount(prefix)+": "+entry,
				"list only the proxies, in prefixes of at least /8, of IPv6 at least /16")
			continue
		}
		if prefix.Addr().BitLen()-prefix.Bits() > hostBits {
			r.warnOf(VarProxies, which+"trusts "+amount(prefix)+": "+entry+
				": any client in it can pretend to be another", "list only the proxies")
		}
		if prefix != prefix.Masked() {
			r.warnOf(VarProxies, which+"is a prefix with bits beyond its length: "+entry+
				": the whole prefix is trusted",
				fmt.Sprintf("use %s, or %s for that address alone", prefix.Masked(), prefix.Addr()))
		}
	}
	if r.fields.ProxyProtocol && len(r.fields.Proxies) == 0 && !r.broken[VarProxies] &&
		!r.broken[varProxyProtocol] && !r.onSocket() {
		r.faultOf(varProxyProtocol, "is true, and "+VarProxies+
			" names no proxy that may announce clients",
			"name the balancer's addresses in "+VarProxies+", or set this to false")
	}
	return prefixes
}

// parsePrefix parses a prefix, or an address as a prefix of full length. Zones are rejected,
// because peers are compared without zones.
func parsePrefix(text string) (netip.Prefix, bool) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(addr, addr.BitLen()), addr.Zone() == ""
	}
	prefix, err := netip.ParsePrefix(text)
	return prefix, err == nil
}

// tooShort reports whether a prefix is too short to hold only proxies.
func tooShort(prefix netip.Prefix) bool {
	addr := prefix.Addr()
	switch {
	case addr.Is4In6():
		return prefix.Bits() < 96+minBits4
	case addr.Is4():
		return prefix.Bits() < minBits4
	}
	return prefix.Bits() < minBits6
}

// amount describes how many addresses are in a prefix.
func amount(prefix netip.Prefix) string {
	addr := prefix.Addr()
	switch {
	case prefix.Bits() == 0 || addr.Is4In6() && prefix.Bits() <= 96:
		return "every address"
	case addr.BitLen()-prefix.Bits() < 32:
		return fmt.Sprintf("%d addresses", 1<<(addr.BitLen()-prefix.Bits()))
	}
	return fmt.Sprintf("2^%d addresses", addr.BitLen()-prefix.Bits())
}

// meantProxy returns, as the end of a remedy, the address that an entry probably stands for, or "".
func meantProxy(entry string) string {
	host, _, err := net.SplitHostPort(entry)
	for _, meant := range []string{host, strings.Trim(entry, "[]")} {
		if _, ok := parsePrefix(meant); ok && (err == nil || meant != host) {
			return "; did you mean " + meant + "?"
		}
	}
	return ""
}

// proxyHeader returns the header, with a warning if clients can write it.
func (r *reviewer) proxyHeader() clientaddr.Header {
	header := r.fields.ProxyHeader
	switch {
	case header != clientaddr.ForwardedHeader:
	case len(r.fields.Proxies) == 0 && !r.broken[VarProxies] && !r.onSocket():
		r.warnUnused(VarProxies+" names no proxy", "name the proxies in "+VarProxies, varProxyHeader)
	default:
		r.warnOf(varProxyHeader, "is "+header.String()+
			", which nginx, Caddy and HAProxy pass through unchanged: "+
			"any client could pretend to be another",
			"make sure that the proxy replaces the header, or use "+
				clientaddr.XForwardedForHeader.String())
	}
	return header
}
