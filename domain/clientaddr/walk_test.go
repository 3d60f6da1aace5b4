package clientaddr_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/domain/clientaddr"
)

// balancers are the trusted proxies: 10.0.0.0/8, 2001:db8:ffff::/48 and a single address.
var balancers = clientaddr.NewTrusted(
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:ffff::/48"),
	netip.MustParsePrefix("192.0.2.7/32"),
)

const peer = "10.0.0.1"

func clientOf(peer string, trusted clientaddr.Trusted, entries clientaddr.Entries) string {
	return clientaddr.Client(netip.MustParseAddr(peer), trusted, entries).String()
}

// TestXForwardedFor checks the client address for a trusted peer and the X-Forwarded-For header.
func TestXForwardedFor(t *testing.T) {
	for name, c := range map[string]struct {
		lines []string
		want  string
	}{
		"no header":             {nil, peer},
		"one untrusted address": {[]string{"203.0.113.5"}, "203.0.113.5"},
		"the right-most untrusted address": {[]string{"198.51.100.1, 203.0.113.5"},
			"203.0.113.5"},
		"client behind a balancer": {[]string{"198.51.100.1, 203.0.113.5, 10.1.1.1"},
			"203.0.113.5"},
		"behind two balancers": {[]string{"203.0.113.5, 192.0.2.7, 10.1.1.1"},
			"203.0.113.5"},
		"behind an IPv6 balancer": {[]string{"203.0.113.5, 2001:db8:ffff::9"},
			"203.0.113.5"},
		"an address next to a trusted one": {[]string{"203.0.113.5, 192.0.2.8"},
			"192.0.2.8"},
		"all trusted: the left-most": {[]string{"10.3.3.3, 10.2.2.2, 10.1.1.1"},
			"10.3.3.3"},
		"one trusted":       {[]string{"10.3.3.3"}, "10.3.3.3"},
		"no white space":    {[]string{"198.51.100.1,203.0.113.5,10.1.1.1"}, "203.0.113.5"},
		"extra white space": {[]string{" \t 198.51.100.1 \t,\t 203.0.113.5 \t"}, "203.0.113.5"},
		"two lines are read from the last": {[]string{"198.51.100.1", "203.0.113.5"},
			"203.0.113.5"},
		"two lines, the last one trusted": {[]string{"198.51.100.1, 203.0.113.5",
			"10.2.2.2, 10.1.1.1"}, "203.0.113.5"},
		"three lines, all trusted": {[]string{"10.3.3.3", "10.2.2.2",
			"10.1.1.1"}, "10.3.3.3"},
		"a port": {[]string{"203.0.113.5:567"},
			"203.0.113.5"},
		"a port of five digits": {[]string{"203.0.113.5:65535"},
			"203.0.113.5"},
		"a port on a balancer": {[]string{"203.0.113.5, 10.1.1.1:80"},
			"203.0.113.5"},
		"quotes": {[]string{`"203.0.113.5"`}, "203.0.113.5"},
		"quotes and a port": {[]string{`"203.0.113.5:567"`},
			"203.0.113.5"},
		"IPv6": {[]string{"2001:db8::1"}, "2001:db8::1"},
		"IPv6, not shortened, upper case": {[]string{"2001:0DB8:0:0:0:0:0:0001"},
			"2001:db8::1"},
		"IPv6 in brackets": {[]string{"[2001:db8::1]"}, "2001:db8::1"},
		"IPv6 in brackets with a port": {[]string{"[2001:db8::1]:80"},
			"2001:db8::1"},
		"IPv6 in quotes, brackets, with a port": {[]string{`"[2001:db8::1]:80"`},
			"2001:db8::1"},
		"IPv4 in brackets": {[]string{"[203.0.113.5]"}, "203.0.113.5"},
		"IPv4 in brackets with a port": {[]string{"[203.0.113.5]:80"},
			"203.0.113.5"},
		"a port inside brackets": {[]string{"[203.0.113.5:80]"}, peer},
		"IPv6 in quotes":         {[]string{`"2001:db8::1"`}, "2001:db8::1"},
		"IPv4-mapped IPv6": {[]string{"::ffff:203.0.113.5"},
			"203.0.113.5"},
		"IPv4-mapped IPv6, in hex": {[]string{"::ffff:cb00:7105"},
			"203.0.113.5"},
		"IPv4-mapped IPv6, brackets, port": {[]string{"[::ffff:203.0.113.5]:80"},
			"203.0.113.5"},
		"a balancer's IPv4-mapped IPv6": {[]string{"203.0.113.5, ::ffff:10.1.1.1"},
			"203.0.113.5"},
		"a zone":                         {[]string{"fe80::1%eth0"}, "fe80::1"},
		"a zone in brackets with a port": {[]string{"[fe80::1%eth0]:80"}, "fe80::1"},
		"a balancer with a zone": {[]string{"203.0.113.5, 2001:db8:ffff::9%eth0"},
			"203.0.113.5"},
		"loopback is an address": {[]string{"127.0.0.1"}, "127.0.0.1"},
		"broadcast is an address": {[]string{"255.255.255.255"},
			"255.255.255.255"},
		"unknown ends the walk":    {[]string{"203.0.113.5, unknown"}, peer},
		"unknown, in another case": {[]string{"203.0.113.5, Unknown, 10.1.1.1"}, "10.1.1.1"},
		"unknown before a balancer": {[]string{"203.0.113.5, unknown, 10.2.2.2, 10.1.1.1"},
			"10.2.2.2"},
		"an obfuscated name": {[]string{"203.0.113.5, _hidden, 10.1.1.1"}, "10.1.1.1"},
		"an obfuscated name with a port": {[]string{"203.0.113.5, _hidden:80, 10.1.1.1"},
			"10.1.1.1"},
		"a host name": {[]string{"203.0.113.5, example.org, 10.1.1.1"},
			"10.1.1.1"},
		"an empty header":     {[]string{""}, peer},
		"white space alone":   {[]string{" \t "}, peer},
		"a comma alone":       {[]string{","}, peer},
		"an empty entry last": {[]string{"203.0.113.5, "}, peer},
		"an empty entry between": {[]string{"203.0.113.5, , 10.1.1.1"},
			"10.1.1.1"},
		"empty quotes": {[]string{`203.0.113.5, "", 10.1.1.1`},
			"10.1.1.1"},
		"an empty line between": {[]string{"203.0.113.5", "", "10.1.1.1"},
			"10.1.1.1"},
		"an empty entry first, all others trusted": {[]string{", 10.2.2.2, 10.1.1.1"},
			"10.2.2.2"},
		"unspecified":             {[]string{"203.0.113.5, 0.0.0.0, 10.1.1.1"}, "10.1.1.1"},
		"unspecified with a port": {[]string{"203.0.113.5, 0.0.0.0:80, 10.1.1.1"}, "10.1.1.1"},
		"unspecified IPv6": {[]string{"203.0.113.5, ::, 10.1.1.1"},
			"10.1.1.1"},
		"unspecified IPv6 in brackets": {[]string{"203.0.113.5, [::]:80, 10.1.1.1"},
			"10.1.1.1"},
		"unspecified IPv6 with a zone": {[]string{"203.0.113.5, ::%eth0, 10.1.1.1"},
			"10.1.1.1"},
		"unspecified IPv4-mapped IPv6": {
			[]string{"203.0.113.5, ::ffff:0.0.0.0, 10.1.1.1"}, "10.1.1.1",
		},
		"unspecified IPv4-mapped IPv6 with a zone": {
			[]string{"203.0.113.5, ::ffff:0.0.0.0%eth0, 10.1.1.1"}, "10.1.1.1",
		},
		"four numbers, one too large":   {[]string{"203.0.113.256"}, peer},
		"four numbers, one with a zero": {[]string{"203.0.113.05"}, peer},
		"three numbers":                 {[]string{"203.0.113"}, peer},
		"a number":                      {[]string{"3405803781"}, peer},
		"hexadecimal":                   {[]string{"0xcb.0.113.5"}, peer},
		"a prefix":                      {[]string{"203.0.113.0/24"}, peer},
		"a port without digits":         {[]string{"203.0.113.5:"}, peer},
		"a port of six digits":          {[]string{"203.0.113.5:123456"}, peer},
		"a port that is a word":         {[]string{"203.0.113.5:http"}, peer},
		"a port with a sign":            {[]string{"203.0.113.5:+80"}, peer},
		"a port alone":                  {[]string{":80"}, peer},
		"two ports":                     {[]string{"[2001:db8::1]:80:80"}, peer},
		"brackets not closed":           {[]string{"[2001:db8::1"}, peer},
		"brackets not opened":           {[]string{"2001:db8::1]"}, peer},
		"text after brackets":           {[]string{"[2001:db8::1]80"}, peer},
		"brackets within brackets":      {[]string{"[[2001:db8::1]]"}, peer},
		"empty brackets":                {[]string{"[]"}, peer},
		"a quote not closed":            {[]string{`203.0.113.5, "10.1.1.1`}, peer},
		"a quote alone":                 {[]string{`"`}, peer},
		"quotes within quotes":          {[]string{`""203.0.113.5""`}, peer},
		"an escape":                     {[]string{`"203.0.113\.5"`}, peer},
		"Forwarded syntax":              {[]string{"for=203.0.113.5"}, peer},
		"two addresses with a space between": {[]string{"198.51.100.1 203.0.113.5"},
			peer},
		"other white space": {[]string{"203.0.113.5\v"}, peer},
		"a no-break space":  {[]string{"203.0.113.5\u00a0"}, peer},
		"NUL":               {[]string{"203.0.113.5\x00"}, peer},
		"invalid UTF-8":     {[]string{"203.0.113.5\xff"}, peer},
		"untrusted lines are ignored": {[]string{"\xff, \"[, unknown", `for="`,
			"203.0.113.5, 10.1.1.1"}, "203.0.113.5"},
		"untrusted text on the same line is ignored": {
			[]string{`"[,,unknown;for=", 203.0.113.5, 10.1.1.1`}, "203.0.113.5",
		},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, clientOf(peer, balancers, clientaddr.XForwardedFor(c.lines)))
		})
	}
}

func TestClientDependsOnPeer(t *testing.T) {
	lines := []string{"203.0.113.5"}
	for name, c := range map[string]struct {
		peer    string
		trusted clientaddr.Trusted
		want    string
	}{
		"trusted":   {peer, balancers, "203.0.113.5"},
		"untrusted": {"198.51.100.9", balancers, "198.51.100.9"},
		"untrusted address next to a trusted one": {"192.0.2.8", balancers, "192.0.2.8"},
		"empty trusted set":                       {peer, clientaddr.Trusted{}, peer},
		"empty trusted set from NewTrusted":       {peer, clientaddr.NewTrusted(), peer},
		"trusted, IPv4-mapped IPv6": {"::ffff:10.0.0.1", balancers,
			"203.0.113.5"},
		"untrusted, IPv4-mapped IPv6": {"::ffff:198.51.100.9", balancers,
			"198.51.100.9"},
		"trusted, with a zone": {"2001:db8:ffff::1%eth0", balancers,
			"203.0.113.5"},
		"untrusted with a zone": {"fe80::1%eth0", balancers, "fe80::1"},
		"all of IPv4 trusted": {"198.51.100.9",
			clientaddr.NewTrusted(netip.MustParsePrefix("0.0.0.0/0")), "203.0.113.5"},
		"an IPv4-mapped prefix": {peer,
			clientaddr.NewTrusted(netip.MustParsePrefix("::ffff:10.0.0.0/104")), "203.0.113.5"},
		"another IPv4-mapped prefix": {peer,
			clientaddr.NewTrusted(netip.MustParsePrefix("::ffff:11.0.0.0/104")), peer},
		"all of IPv4, mapped": {peer,
			clientaddr.NewTrusted(netip.MustParsePrefix("::ffff:0:0/96")), "203.0.113.5"},
		"a prefix whose host bits are set": {peer,
			clientaddr.NewTrusted(netip.MustParsePrefix("10.9.9.9/8")), "203.0.113.5"},
		"all of IPv6 does not contain IPv4": {peer,
			clientaddr.NewTrusted(netip.MustParsePrefix("::/0")), peer},
		"a single IPv6 address": {"2001:db8::7",
			clientaddr.NewTrusted(netip.MustParsePrefix("2001:db8::7/128")), "203.0.113.5"},
		"an IPv6 prefix, host bits set, zoned peer": {"fe80::1%eth0",
			clientaddr.NewTrusted(netip.MustParsePrefix("fe80::9/10")), "203.0.113.5"},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, clientOf(c.peer, c.trusted, clientaddr.XForwardedFor(lines)))
		})
	}
	assert.Equal(t, netip.Addr{}, clientaddr.Client(netip.Addr{}, balancers,
		clientaddr.XForwardedFor(lines)), "no peer, no client")
}

func TestTrustedIsEmpty(t *testing.T) {
	assert.True(t, clientaddr.Trusted{}.IsEmpty())
	assert.True(t, clientaddr.NewTrusted().IsEmpty())
	assert.False(t, balancers.IsEmpty())
}

// TestMaxEntries checks that at most fifty entries are examined, over all lines.
func TestMaxEntries(t *testing.T) {
	trusted := func(n int) []string { // right-most: 10.9.0.1
		var all []string
		for i := n; i > 0; i-- {
			all = append(all, fmt.Sprintf("10.9.0.%d", i))
		}
		return all
	}
	for name, c := range map[string]struct {
		entries []string
		want    string
	}{
		"49, then an untrusted one": {append([]string{"203.0.113.5"}, trusted(49)...),
			"203.0.113.5"},
		"50, then an untrusted one": {append([]string{"203.0.113.5"}, trusted(50)...), "10.9.0.50"},
		"exactly 50":                {trusted(50), "10.9.0.50"},
		"51":                        {trusted(51), "10.9.0.50"},
		"200":                       {trusted(200), "10.9.0.50"},
		"49, then unknown":          {append([]string{"unknown"}, trusted(49)...), "10.9.0.49"},
		"50, then unknown":          {append([]string{"unknown"}, trusted(50)...), "10.9.0.50"},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, clientOf(peer, balancers,
				clientaddr.XForwardedFor([]string{strings.Join(c.entries, ",")})), "on one line")
			assert.Equal(t, c.want, clientOf(peer, balancers, clientaddr.XForwardedFor(c.entries)),
				"each on its own line")
			lines := []string{"for=" + strings.Join(c.entries, ", for=")}
			assert.Equal(t, c.want, clientOf(peer, balancers, clientaddr.Forwarded(lines)),
				"as Forwarded")
		})
	}
}

func TestIsPrivate(t *testing.T) {
	for text, want := range map[string]bool{
		"10.0.0.1": true, "172.16.0.1": true, "172.32.0.1": false, "192.168.255.255": true,
		"127.0.0.1": true, "169.254.1.1": true,
		"100.64.0.1": true, "100.128.0.1": false, "::ffff:10.0.0.1": true, "::1": true,
		"fd00::1": true, "fe80::1%eth0": true,
		"203.0.113.5": false, "2001:db8::1": false, "::ffff:203.0.113.5": false, "8.8.8.8": false,
	} {
		assert.Equal(t, want, clientaddr.IsPrivate(netip.MustParseAddr(text)), text)
	}
}
