package clientaddr_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/domain/clientaddr"
)

func TestTruncate(t *testing.T) {
	for name, c := range map[string]struct {
		addr string
		bits int
		want string
	}{
		"IPv4 unchanged":                {"203.0.113.5", 64, "203.0.113.5/32"},
		"IPv4, minimum bits":            {"203.0.113.5", 32, "203.0.113.5/32"},
		"IPv4, maximum bits":            {"203.0.113.5", 128, "203.0.113.5/32"},
		"IPv4-mapped IPv6":              {"::ffff:203.0.113.5", 64, "203.0.113.5/32"},
		"IPv4-mapped IPv6, with a zone": {"::ffff:203.0.113.5%eth0", 64, "203.0.113.5/32"},
		"IPv6 to its /64":               {"2001:db8:1:2:3:4:5:6", 64, "2001:db8:1:2::/64"},
		"IPv6 to its /64, its last address": {"2001:db8:1:2:ffff:ffff:ffff:ffff", 64,
			"2001:db8:1:2::/64"},
		"IPv6 to its /64, the next network": {"2001:db8:1:3::", 64, "2001:db8:1:3::/64"},
		"IPv6 to its /56":                   {"2001:db8:1:2ff::1", 56, "2001:db8:1:200::/56"},
		"IPv6, minimum bits":                {"2001:db8:1:2:3:4:5:6", 32, "2001:db8::/32"},
		"IPv6, not on a byte boundary":      {"2001:db8:1:2:ffff::", 67, "2001:db8:1:2:e000::/67"},
		"IPv6, maximum bits": {"2001:db8:1:2:3:4:5:6", 128,
			"2001:db8:1:2:3:4:5:6/128"},
		"a zone is dropped":                  {"fe80::1%eth0", 64, "fe80::/64"},
		"a zone is dropped, all bits kept":   {"fe80::1%eth0", 128, "fe80::1/128"},
		"IPv4-compatible is treated as IPv6": {"::203.0.113.5", 64, "::/64"},
		"NAT64":                              {"64:ff9b::cb00:7105", 64, "203.0.113.5/32"},
		"NAT64, dotted":                      {"64:ff9b::203.0.113.5", 128, "203.0.113.5/32"},
		"NAT64, with a zone":                 {"64:ff9b::203.0.113.5%eth0", 64, "203.0.113.5/32"},
		"next to NAT64":                      {"64:ff9b:0:0:0:1:203.0.113.5", 64, "64:ff9b::/64"},
		"NAT64 of a site":                    {"64:ff9b:1::203.0.113.5", 64, "203.0.113.5/32"},
		"NAT64 of a site, any translator": {"64:ff9b:1:ffff:ffff:ffff:203.0.113.5", 64,
			"203.0.113.5/32"},
		"next to NAT64 of a site": {"64:ff9b:2::203.0.113.5", 64, "64:ff9b:2::/64"},
		"SIIT":                    {"::ffff:0:203.0.113.5", 64, "203.0.113.5/32"},
		"next to SIIT":            {"::fffe:0:203.0.113.5", 64, "::/64"},
		"6to4":                    {"2002:cb00:7105:1:2:3:4:5", 64, "203.0.113.5/32"},
		"next to 6to4":            {"2003:cb00:7105:1:2:3:4:5", 64, "2003:cb00:7105:1::/64"},
		// The example of RFC 4380 §4: the client 192.0.2.45, and the server 65.54.227.120.
		"Teredo":              {"2001:0:4136:e378:8000:63bf:3fff:fdd2", 64, "192.0.2.45/32"},
		"next to Teredo":      {"2001:1:4136:e378:8000:63bf:3fff:fdd2", 64, "2001:1:4136:e378::/64"},
		"length out of range": {"2001:db8::1", 129, "invalid Prefix"},
		"negative length":     {"2001:db8::1", -1, "invalid Prefix"},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, clientaddr.Truncate(netip.MustParseAddr(c.addr),
				c.bits).String())
		})
	}
	assert.Equal(t, netip.Prefix{}, clientaddr.Truncate(netip.Addr{}, 64), "no address")
}

func TestNetwork(t *testing.T) {
	for name, c := range map[string]struct {
		addr string
		bits int
		want string // empty for none
	}{
		"IPv4":                           {"203.0.113.5", 64, "203.0.113.0/24"},
		"IPv4, the last of its network":  {"203.0.113.255", 64, "203.0.113.0/24"},
		"IPv4, IPv6 by a short prefix":   {"203.0.113.5", 32, "203.0.113.0/24"},
		"IPv4-mapped IPv6":               {"::ffff:203.0.113.5", 64, "203.0.113.0/24"},
		"NAT64":                          {"64:ff9b::203.0.113.5", 48, "203.0.113.0/24"},
		"Teredo":                         {"2001:0:4136:e378:8000:63bf:3fff:fdd2", 64, "192.0.2.0/24"},
		"IPv6":                           {"2001:db8:1:2::5", 64, "2001:db8:1::/48"},
		"IPv6, the last of its network":  {"2001:db8:1:ffff:ffff::", 128, "2001:db8:1::/48"},
		"IPv6, the next network":         {"2001:db8:2::", 64, "2001:db8:2::/48"},
		"IPv6 with a zone":               {"2001:db8:1:2::5%eth0", 64, "2001:db8:1::/48"},
		"IPv6, by somewhat more":         {"2001:db8:1:2::5", 49, "2001:db8:1::/48"},
		"IPv6, by the network":           {"2001:db8:1:2::5", 48, ""},
		"IPv6, by more than the network": {"2001:db8:1:2::5", 32, ""},
	} {
		t.Run(name, func(t *testing.T) {
			network, ok := clientaddr.Network(netip.MustParseAddr(c.addr), c.bits)
			assert.Equal(t, c.want != "", ok)
			if ok {
				assert.Equal(t, c.want, network.String())
			}
		})
	}
	network, _ := clientaddr.Network(netip.Addr{}, 64)
	assert.Equal(t, netip.Prefix{}, network, "no address")
}

// TestEmbeddedAddressesAreNotTrusted checks that an address that embeds that of a proxy is not
// trusted: anyone may be able to send from such an address.
func TestEmbeddedAddressesAreNotTrusted(t *testing.T) {
	for _, addr := range []string{"64:ff9b::10.0.0.1", "64:ff9b:1::10.0.0.1", "::ffff:0:10.0.0.1",
		"2002:a00:1::1", "2001:0:4136:e378:8000:63bf:f5ff:fffe"} {
		assert.Equal(t, "10.0.0.1/32", clientaddr.Truncate(netip.MustParseAddr(addr), 64).String())
		assert.False(t, balancers.Contains(netip.MustParseAddr(addr)), addr)
		assert.False(t, clientaddr.IsPrivate(netip.MustParseAddr(addr)), addr)
	}
}
