package config

import (
	"fmt"
	"net/netip"

	"github.com/offload/sessiond/domain/clientaddr"
)

// trusted returns the proxies whose forwarding header and PROXY protocol announcements are trusted.
// Faults give the position of the entry.
func (r *reviewer) trusted() []netip.Prefix {
	var invalid, unlimited, unmasked []string
	prefixes := make([]netip.Prefix, 0, len(r.fields.Proxies))
	for i, entry := range r.fields.Proxies {
		position := fmt.Sprint(i + 1)
		prefix, ok := parsePrefix(entry)
		switch {
		case !ok:
			invalid = append(invalid, position)
			continue
		case coversAll(prefix):
			unlimited = append(unlimited, position)
		case prefix != prefix.Masked():
			unmasked = append(unmasked, position)
		}
		prefixes = append(prefixes, prefix)
	}
	for _, position := range invalid {
		r.faultOf(VarProxies, "entry "+position+" is not an address or a prefix",
			"use addresses and prefixes separated by commas, such as "+
				"10.0.0.7,192.0.2.0/24,2001:db8::/48")
	}
	for _, position := range unlimited {
		r.warnOf(VarProxies,
			"entry "+position+" trusts every address: any client can pretend to be another",
			"list only the proxies")
	}
	for _, position := range unmasked {
		r.warnOf(VarProxies,
			"entry "+position+
				" is a prefix with bits beyond its length: the whole prefix is trusted",
			"use the first address of the prefix, or a single address")
	}
	if r.fields.ProxyProtocol && len(r.fields.Proxies) == 0 && !r.broken[VarProxies] &&
		!r.broken[varProxyProtocol] {
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

// coversAll reports whether prefix contains all of IPv4 or all of IPv6.
func coversAll(prefix netip.Prefix) bool {
	return prefix.Bits() == 0 || prefix.Addr().Is4In6() && prefix.Bits() <= 96
}

// proxyHeader returns the header, with a warning if clients can write it.
func (r *reviewer) proxyHeader() clientaddr.Header {
	header := r.fields.ProxyHeader
	if header == clientaddr.ForwardedHeader {
		r.warnOf(varProxyHeader, "is "+header.String()+
			", which nginx, Caddy and HAProxy pass through unchanged: "+
			"any client could pretend to be another",
			"make sure that the proxy replaces the header, or use "+
				clientaddr.XForwardedForHeader.String())
	}
	return header
}
