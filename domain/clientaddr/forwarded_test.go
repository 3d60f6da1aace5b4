package clientaddr_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/domain/clientaddr"
)

// TestForwarded checks the client address for a trusted peer and the Forwarded header (RFC 7239).
func TestForwarded(t *testing.T) {
	for name, c := range map[string]struct {
		lines []string
		want  string
	}{
		"no header":             {nil, peer},
		"one untrusted address": {[]string{"for=203.0.113.5"}, "203.0.113.5"},
		"the right-most untrusted address": {[]string{"for=198.51.100.1, for=203.0.113.5"},
			"203.0.113.5"},
		"behind a balancer": {[]string{"for=198.51.100.1, for=203.0.113.5, for=10.1.1.1"},
			"203.0.113.5"},
		"all trusted: the left-most": {[]string{"for=10.3.3.3,for=10.2.2.2", "for=10.1.1.1"},
			"10.3.3.3"},
		"two lines are read from the last": {[]string{"for=198.51.100.1", "for=203.0.113.5"},
			"203.0.113.5"},
		"names in any case": {[]string{"For=203.0.113.5, FOR=10.1.1.1, fOr=10.2.2.2"},
			"203.0.113.5"},
		"other parameters before": {[]string{"proto=https;by=10.9.9.9;for=203.0.113.5"},
			"203.0.113.5"},
		"other parameters after": {[]string{"for=203.0.113.5;proto=https;host=example.org;by=_x"},
			"203.0.113.5"},
		"an unknown parameter": {[]string{"for=203.0.113.5;secret=abc"},
			"203.0.113.5"},
		"surrounding white space": {[]string{" for=203.0.113.5 ; proto=https ,\tfor=10.1.1.1 "},
			"203.0.113.5"},
		"extra semicolons": {[]string{"for=203.0.113.5;;proto=https;"},
			"203.0.113.5"},
		"quoted":                {[]string{`for="203.0.113.5"`}, "203.0.113.5"},
		"quoted with a port":    {[]string{`for="203.0.113.5:567"`}, "203.0.113.5"},
		"a port without quotes": {[]string{`for=203.0.113.5:567`}, "203.0.113.5"},
		"an obfuscated port":    {[]string{`for="203.0.113.5:_a1-.Z"`}, "203.0.113.5"},
		"IPv6":                  {[]string{`for="[2001:db8::1]"`}, "2001:db8::1"},
		"IPv6 with a port": {[]string{`for="[2001:db8:cafe::17]:4711"`},
			"2001:db8:cafe::17"},
		"IPv6 with an obfuscated port":       {[]string{`for="[2001:db8::1]:_x"`}, "2001:db8::1"},
		"an obfuscated port without a value": {[]string{`for="203.0.113.5:_"`}, peer},
		"an obfuscated port with a space":    {[]string{`for="203.0.113.5:_a b"`}, peer},
		"an obfuscated port, colon missing":  {[]string{`for="[2001:db8::1]_a"`}, peer},
		"IPv6 without brackets":              {[]string{`for="2001:db8::1"`}, "2001:db8::1"},
		"IPv6 without quotes":                {[]string{`for=[2001:db8::1]:80`}, "2001:db8::1"},
		"IPv4-mapped IPv6": {[]string{`for="[::ffff:203.0.113.5]"`},
			"203.0.113.5"},
		"an escaped character":  {[]string{`for="203\.0.113.\5"`}, "203.0.113.5"},
		"a comma in quotes":     {[]string{`for=203.0.113.5;by="a,b"`}, "203.0.113.5"},
		"a semicolon in quotes": {[]string{`by="a;b";for=203.0.113.5`}, "203.0.113.5"},
		"an equals sign in quotes": {[]string{`by="for=198.51.100.1";for=203.0.113.5`},
			"203.0.113.5"},
		"a whole element in quotes": {
			[]string{`for=203.0.113.5, for=10.1.1.1;by="x, for=198.51.100.1"`}, "203.0.113.5",
		},
		"a quote in quotes": {[]string{`for=203.0.113.5;by="a\", for=198.51.100.1"`},
			"203.0.113.5"},
		"a backslash before the quote": {[]string{`for=203.0.113.5, by="a\\";for=10.1.1.1`},
			"203.0.113.5"},
		"quotes and backslashes": {[]string{`for=203.0.113.5, by="\\\"\\, \"";for=10.1.1.1`},
			"203.0.113.5"},
		"unknown ends the walk": {[]string{"for=203.0.113.5, for=unknown"}, peer},
		"unknown before a balancer": {[]string{"for=203.0.113.5, for=unknown, for=10.1.1.1"},
			"10.1.1.1"},
		"unknown in quotes": {[]string{`for=203.0.113.5, for="unknown", for=10.1.1.1`},
			"10.1.1.1"},
		"an obfuscated name": {[]string{"for=203.0.113.5, for=_gazonk, for=10.1.1.1"},
			"10.1.1.1"},
		"an obfuscated name with a port": {
			[]string{`for=203.0.113.5, for="_gazonk:80", for=10.1.1.1`}, "10.1.1.1",
		},
		"an element without for": {
			[]string{"for=203.0.113.5, proto=https;by=198.51.100.1, for=10.1.1.1"}, "10.1.1.1",
		},
		"an element with two for": {
			[]string{"for=198.51.100.1, for=203.0.113.5;for=203.0.113.6, for=10.1.1.1"}, "10.1.1.1",
		},
		"an element with the same for": {
			[]string{"for=203.0.113.5;FOR=203.0.113.5, for=10.1.1.1"}, "10.1.1.1",
		},
		"a parameter whose name ends in for": {[]string{"xfor=203.0.113.5, for=10.1.1.1"},
			"10.1.1.1"},
		"an empty for": {[]string{"for=203.0.113.5, for=, for=10.1.1.1"},
			"10.1.1.1"},
		"an empty for in quotes": {[]string{`for=203.0.113.5, for="", for=10.1.1.1`},
			"10.1.1.1"},
		"an empty header":       {[]string{""}, peer},
		"a comma alone":         {[]string{","}, peer},
		"an empty element last": {[]string{"for=203.0.113.5, "}, peer},
		"an empty element between": {[]string{"for=203.0.113.5, , for=10.1.1.1"},
			"10.1.1.1"},
		"an empty line between": {[]string{"for=203.0.113.5", "", "for=10.1.1.1"},
			"10.1.1.1"},
		"unspecified": {[]string{`for=203.0.113.5, for="[::]", for=10.1.1.1`},
			"10.1.1.1"},
		"X-Forwarded-For syntax": {[]string{"203.0.113.5"}, peer},
		"X-Forwarded-For syntax, in a list": {
			[]string{"for=203.0.113.5, 198.51.100.1, for=10.1.1.1"}, "10.1.1.1",
		},
		"a name alone": {[]string{"for=203.0.113.5, for, for=10.1.1.1"},
			"10.1.1.1"},
		"a quote not closed":             {[]string{`for=203.0.113.5, for="10.1.1.1`}, peer},
		"a quote not opened":             {[]string{`for=203.0.113.5, for=10.1.1.1"`}, peer},
		"text after a quote":             {[]string{`for=203.0.113.5, for="10.1.1.1"x`}, peer},
		"text after a quote and a space": {[]string{`for=203.0.113.5, for="10.1.1.1" x`}, peer},
		"text before a quote":            {[]string{`for=203.0.113.5, for=x"10.1.1.1"`}, peer},
		"two quotes": {[]string{`for=203.0.113.5, for="10.1.1.1""10.1.1.1"`},
			peer},
		"a space inside": {[]string{"for=203.0.113.5, for=10.1.1.1 10.1.1.1"},
			peer},
		"a backslash at the end":        {[]string{`for=203.0.113.5, for="10.1.1.1\`}, peer},
		"a backslash at the end, alone": {[]string{`for="10.1.1.1\`}, peer},
		"a backslash before the end":    {[]string{`for=203.0.113.5, for="10.1.1.1\"`}, peer},
		"an error next to the address":  {[]string{`for=203.0.113.5, for=10.1.1.1;by="`}, peer},
		"a parameter without a value": {[]string{"for=203.0.113.5, for=10.1.1.1;secure"},
			peer},

		// What is to the left of a trusted hop was written by an untrusted client. It can end the
		// walk when it is reached, and has no other effect.
		"untrusted unclosed quote": {[]string{`for="198.51.100.1, for=203.0.113.5`},
			"203.0.113.5"},
		"untrusted unclosed quote, far": {
			[]string{`for="198.51.100.1, for=203.0.113.5, for="10.1.1.1:80"`}, "203.0.113.5",
		},
		"untrusted escaped quote": {[]string{`for="198.51.100.1\", for=203.0.113.5`},
			"203.0.113.5"},
		"untrusted quote, then a list": {
			[]string{`for="x, for=203.0.113.5;by="y", for=10.1.1.1`}, "203.0.113.5",
		},
		"untrusted name alone": {[]string{"garbage, for=203.0.113.5, for=10.1.1.1"},
			"203.0.113.5"},
		"untrusted equals sign": {[]string{"=, for=203.0.113.5"}, "203.0.113.5"},
		"untrusted text after a quote": {[]string{`for="a"b, for=203.0.113.5`},
			"203.0.113.5"},
		"untrusted bytes": {[]string{"\xff\x00\\\", for=203.0.113.5"},
			"203.0.113.5"},
		"untrusted malformed element, rest trusted": {
			[]string{`for=198.51.100.1, for="10.3.3.3, for=10.2.2.2`, "for=10.1.1.1"}, "10.2.2.2",
		},
		"untrusted malformed line": {[]string{`for="`, "for=203.0.113.5, for=10.1.1.1"},
			"203.0.113.5"},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, clientOf(peer, balancers, clientaddr.Forwarded(c.lines)))
		})
	}
}

// TestForwardedIgnoredFromUntrustedPeer checks that an untrusted peer cannot change its address
// with the Forwarded header. TestClientDependsOnPeer checks it for X-Forwarded-For.
func TestForwardedIgnoredFromUntrustedPeer(t *testing.T) {
	for _, trusted := range []clientaddr.Trusted{balancers, {}} {
		assert.Equal(t, "198.51.100.9", clientOf("198.51.100.9", trusted,
			clientaddr.Forwarded([]string{"for=203.0.113.5"})))
	}
	assert.Equal(t, peer, clientOf(peer, clientaddr.Trusted{},
		clientaddr.Forwarded([]string{"for=203.0.113.5"})))
}

func TestEntriesAreYieldedFromRightToLeft(t *testing.T) {
	list := func(entries clientaddr.Entries) (all []string) {
		for entry := range entries {
			all = append(all, entry)
		}
		return all
	}
	assert.Equal(t, []string{"d", "c", "b:80", "a"},
		list(clientaddr.XForwardedFor([]string{` a,"b:80" `, "c,\td"})))
	assert.Equal(t, []string{"d", "", "c,\"", "a"},
		list(clientaddr.Forwarded([]string{`for=a;by="x"`, `by=x;for="c,\"",,for=d`})))
}
