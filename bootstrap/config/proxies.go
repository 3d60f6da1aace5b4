package config

import (
	"fmt"
	"net/netip"
	"strings"
)

// The headers that a trusted proxy may write.
const (
	headerXForwardedFor = "X-Forwarded-For"
	headerForwarded     = "Forwarded"
)

// trusted are the proxies whose header is believed, and whose announcements. Entries are told by their place.
func (r *reading) trusted() []netip.Prefix {
	var wrong, everybody, masked []string
	prefixes := make([]netip.Prefix, 0, len(r.fields.Proxies))
	for i, entry := range r.fields.Proxies {
		place := fmt.Sprint(i + 1)
		prefix, ok := parsePrefix(entry)
		switch {
		case !ok:
			wrong = append(wrong, place)
			continue
		case isEverybody(prefix):
			everybody = append(everybody, place)
		case prefix != prefix.Masked():
			masked = append(masked, place)
		}
		prefixes = append(prefixes, prefix)
	}
	for _, place := range wrong {
		r.faultOf(varProxies, "entry "+place+" is no address and no prefix",
			"give addresses and prefixes separated by commas, such as 10.0.0.7,192.0.2.0/24,2001:db8::/48")
	}
	for _, place := range everybody {
		r.warnOf(varProxies,
			"entry "+place+" trusts every address: anybody can pretend to be any client",
			"name the proxies alone")
	}
	for _, place := range masked {
		r.warnOf(varProxies,
			"entry "+place+" is a prefix with bits beyond its length: the whole prefix is trusted",
			"write the prefix's first address, or an address alone")
	}
	if r.fields.ProxyProtocol && len(r.fields.Proxies) == 0 && !r.broken[varProxies] &&
		!r.broken[varProxyProtocol] {
		r.faultOf(varProxyProtocol, "is true, and "+varProxies+
			" names no proxy that may announce clients",
			"name the balancer's addresses in "+varProxies+", or give false")
	}
	return prefixes
}

// parsePrefix reads an address, which is a prefix of one, or a prefix. Zones are of no use here: peers are compared without.
func parsePrefix(text string) (netip.Prefix, bool) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(addr, addr.BitLen()), addr.Zone() == ""
	}
	prefix, err := netip.ParsePrefix(text)
	return prefix, err == nil
}

// isEverybody tells whether prefix holds all of IPv4 or all of IPv6.
func isEverybody(prefix netip.Prefix) bool {
	return prefix.Bits() == 0 || prefix.Addr().Is4In6() && prefix.Bits() <= 96
}

// proxyHeader is the header's name as it is written in canonical form.
func (r *reading) proxyHeader() string {
	if !strings.EqualFold(r.fields.ProxyHeader, headerForwarded) {
		return headerXForwardedFor
	}
	r.warnOf(varProxyHeader,
		"is Forwarded, which nginx, Caddy and HAProxy pass through as a client sent it: anybody could pretend to be any client",
		"make sure that the proxy replaces the header, or use "+headerXForwardedFor)
	return headerForwarded
}
