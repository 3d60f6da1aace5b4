package config_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/domain/clientaddr"
)

// TestTrustedPrefixesThatAreTooShort lists prefixes that clients may be in.
func TestTrustedPrefixesThatAreTooShort(t *testing.T) {
	const variable = "OFFLOAD_TRUSTED_PROXIES"
	for entry, amount := range map[string]string{"0.0.0.0/0": "every address",
		"::/0": "every address", "10.0.0.0/7": "33554432 addresses",
		"2000::/15": "2^113 addresses", "::ffff:0.0.0.0/96": "every address",
		"::ffff:10.0.0.0/103": "33554432 addresses"} {
		t.Run(entry, func(t *testing.T) {
			assertFindings(t, []finding{{variable, "environment", "trusts " + amount}},
				load(t, production(variable+"="+entry)).Faults)
			assertFindings(t, []finding{served, unsetSecret, {variable, "environment",
				"trusts " + amount}}, load(t, inDevelopment(variable+"="+entry)).Warnings)
		})
	}
	for entry, many := range map[string]bool{"10.0.0.0/8": true, "10.0.0.0/15": true,
		"10.0.0.0/16": false, "fd00::/16": true, "fd00::/112": false} {
		t.Run(entry, func(t *testing.T) {
			review := load(t, production(variable+"="+entry))
			assertFindings(t, nil, review.Faults)
			assert.Equal(t, many, len(review.Warnings) == 1)
		})
	}
}

func TestTrustedProxies(t *testing.T) {
	const variable = "OFFLOAD_TRUSTED_PROXIES"
	none := func(place int) finding {
		return finding{variable, "environment",
			fmt.Sprintf("entry %d is not an address or a prefix", place)}
	}
	blank := func(place int) finding {
		return finding{variable, "environment", fmt.Sprintf("entry %d is empty", place)}
	}
	all := func(place int) finding {
		return finding{variable, "environment", fmt.Sprintf("entry %d trusts every address", place)}
	}
	runCases(t, []testCase{
		{"blank", inDevelopment(variable + "= "), []finding{blank(1)}, []finding{unsetSecret}},
		{"blank entries", inDevelopment(variable + "=,10.0.0.1,, "), []finding{blank(1), blank(3), blank(4)},
			[]finding{unsetSecret}},
		{"not addresses",
			inDevelopment(variable +
				"=localhost,10.0.0,10.0.0.1:80,010.0.0.1,[::1],10.0.0.0/33,10.0.0.0/08,fe80::1%eth0,\x00"), []finding{
				none(1), none(2), none(3), none(4), none(5), none(6), none(7), none(8), none(9),
			}, []finding{unsetSecret}},
		{"all addresses", inDevelopment(variable + "=0.0.0.0/0,::/0,10.0.0.1,::ffff:0.0.0.0/96"), nil,
			[]finding{served, unsetSecret, all(1), all(2), all(4)}},
		{"bits beyond the prefix length", inDevelopment(variable + "=10.0.0.0/16,10.0.0.1/16"), nil,
			[]finding{served, unsetSecret, {variable, "environment",
				"entry 2 is a prefix with bits beyond its length"}}},
		{"PROXY protocol with a trusted proxy", inDevelopment("OFFLOAD_PROXY_PROTOCOL=true",
			variable+"=10.0.0.1"), nil,
			[]finding{served, unsetSecret}},
		{"PROXY protocol without a trusted proxy", inDevelopment("OFFLOAD_PROXY_PROTOCOL=true"),
			[]finding{{"OFFLOAD_PROXY_PROTOCOL", "environment",
				"is true, and OFFLOAD_TRUSTED_PROXIES names no proxy"}}, []finding{served, unsetSecret}},
		{"PROXY protocol with an invalid proxy", inDevelopment("OFFLOAD_PROXY_PROTOCOL=true", variable+"=x"),
			[]finding{none(1)}, []finding{served, unsetSecret}},
		{"no PROXY protocol", env("OFFLOAD_PROXY_PROTOCOL=false"), nil, []finding{unsetSecret}},
		{"Forwarded without proxies", env("OFFLOAD_TRUSTED_PROXY_HEADER=Forwarded"), nil,
			[]finding{unsetSecret, {"OFFLOAD_TRUSTED_PROXY_HEADER", "environment",
				"is set but not used"}}},
		{"Forwarded", inDevelopment("OFFLOAD_TRUSTED_PROXY_HEADER=Forwarded",
			variable+"=10.0.0.1"), nil, []finding{served, unsetSecret, {"OFFLOAD_TRUSTED_PROXY_HEADER", "environment",
			"is Forwarded"}}},
	})
	for name, in := range map[string]input{
		"text": inDevelopment(variable + "=10.0.0.7, 192.0.2.0/24 ,2001:db8::/48,::ffff:10.1.0.0/112"),
		"YAML": inYAML("environment: dev\n" +
			"trusted_proxies: 10.0.0.7, 192.0.2.0/24,2001:db8::/48,::ffff:10.1.0.0/112"),
		"YAML's list": inYAML("environment: dev\n" +
			"trusted_proxies:\n- 10.0.0.7\n- 192.0.2.0/24\n- 2001:db8::/48\n- '::ffff:10.1.0.0/112'\n"),
		"flag": {args: []string{"--environment=dev", "--trusted-proxies",
			"10.0.0.7,192.0.2.0/24,2001:db8::/48,::ffff:10.1.0.0/112"}},
	} {
		t.Run(name, func(t *testing.T) {
			tempDir(t)
			review := load(t, in)
			assertFindings(t, nil, review.Faults)
			for _, address := range []string{"10.0.0.7", "192.0.2.9", "2001:db8::1", "10.1.2.3"} {
				assert.True(t, review.Config.TrustedProxies.Contains(netip.MustParseAddr(address)),
					address)
			}
			assert.False(t, review.Config.TrustedProxies.Contains(netip.MustParseAddr("10.0.0.8")))
			assert.Len(t, review.Config.TrustedPrefixes, 4)
		})
	}
	t.Run("the header in canonical form", func(t *testing.T) {
		assert.Equal(t, clientaddr.ForwardedHeader, load(t, env(
			"OFFLOAD_TRUSTED_PROXY_HEADER=forwarded")).Config.TrustedProxyHeader)
		assert.Equal(t, clientaddr.XForwardedForHeader, load(t,
			env("OFFLOAD_TRUSTED_PROXY_HEADER=x-forwarded-for")).Config.TrustedProxyHeader)
	})
}
