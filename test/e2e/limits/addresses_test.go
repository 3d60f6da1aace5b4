package limits_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/test/harness"
)

// Which address counts. A limit of one session per address distinguishes clients: a second request
// from the same address is refused.

// one returns an environment in which each address gets one session per minute.
func one(more harness.Env) harness.Env {
	return harness.Env{"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP": "1"}.With(more)
}

func TestForwardedAddresses(t *testing.T) {
	t.Parallel()
	// Each pair of requests comes from the peer 127.0.0.1, which is trusted, as are 10.0.0.0/8 and
	// 2001:db8:f::/48.
	service := harness.Serve(t,
		one(harness.Env{"OFFLOAD_TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/8,2001:db8:f::/48"}))
	const via = "10.1.2.3"
	for name, pair := range map[string]struct {
		first, second []string
		same          bool
	}{
		"one address": {[]string{"198.51.100.7"}, []string{"198.51.100.7"},
			true},
		"two addresses": {[]string{"198.51.100.7"}, []string{"198.51.100.8"},
			false},
		"an address that the client claims is ignored": {[]string{"1.1.1.1, 198.51.100.7"},
			[]string{"2.2.2.2, 198.51.100.7"}, true},
		"an address that the client claims in its own header line is ignored": {[]string{"1.1.1.1", "198.51.100.7"},
			[]string{"2.2.2.2", "198.51.100.7"}, true},
		"via a trusted hop": {[]string{"198.51.100.7, " + via},
			[]string{"198.51.100.7"}, true},
		"via many trusted hops": {[]string{"198.51.100.7, " + via +
			", 2001:db8:f::1", via}, []string{"198.51.100.7"}, true},
		"two clients behind a trusted hop": {[]string{"198.51.100.7, " + via},
			[]string{"198.51.100.8, " + via}, false},
		"with a port": {[]string{"198.51.100.7:567"},
			[]string{"198.51.100.7:890"}, true},
		"in quotes": {[]string{`"198.51.100.7"`},
			[]string{"198.51.100.7"}, true},
		"mapped into IPv6": {[]string{"::ffff:198.51.100.7"},
			[]string{"198.51.100.7"}, true},
		"mapped, in hex": {[]string{"::ffff:c633:6407"},
			[]string{"198.51.100.7"}, true},
		"behind NAT64": {[]string{"64:ff9b::198.51.100.7"}, []string{"198.51.100.7"}, true},
		"two clients behind NAT64": {[]string{"64:ff9b::198.51.100.7"},
			[]string{"64:ff9b::198.51.100.8"}, false},
		"behind SIIT": {[]string{"::ffff:0:198.51.100.7"}, []string{"198.51.100.7"}, true},
		"an address that embeds a proxy's is no proxy": {[]string{"198.51.100.7, 64:ff9b::" + via},
			[]string{"198.51.100.8, 64:ff9b::" + via}, true},
		"an IPv6 address": {[]string{"2001:db8::1"}, []string{"2001:db8::1"},
			true},
		"the same /64": {[]string{"2001:db8:1:2::1"},
			[]string{"2001:db8:1:2:ffff:ffff:ffff:ffff"}, true},
		"another /64": {[]string{"2001:db8:1:2::1"},
			[]string{"2001:db8:1:3::1"}, false},
		"IPv6 in brackets, with a port": {[]string{"[2001:db8:1:2::1]:80"},
			[]string{`"[2001:db8:1:2::9]:81"`}, true},
		"IPv6 with a zone": {[]string{"fe80::1%eth0"}, []string{"fe80::2%eth1"},
			true},
		"all hops trusted: the left-most": {[]string{"10.0.0.1, " + via},
			[]string{"10.0.0.2, " + via}, false},
		"unknown: the last trusted hop": {[]string{"198.51.100.7, unknown, 10.9.9.9"},
			[]string{"198.51.100.8, unknown, 10.9.9.9"}, true},
		"obfuscated: the last trusted hop": {[]string{"198.51.100.7, _hidden, 10.9.9.8"},
			[]string{"198.51.100.8, _gone, 10.9.9.8"}, true},
		"unspecified: the last trusted hop": {[]string{"0.0.0.0, 10.9.9.7"},
			[]string{"::, 10.9.9.7"}, true},
		"an empty entry: the last trusted hop": {[]string{"198.51.100.7,, 10.9.9.6"},
			[]string{"198.51.100.8,, 10.9.9.6"}, true},
		"no header: the peer":       {nil, nil, true},
		"an empty header: the peer": {[]string{""}, nil, true},
		"no addresses: the peer":    {[]string{"a, b, c"}, []string{"1.2.3.4.5"}, true},
		"fifty entries are read": {[]string{"198.51.100.7" +
			strings.Repeat(", "+via, 49)}, []string{"198.51.100.8" + strings.Repeat(", "+via, 49)},
			false},
		"entries after the fiftieth are ignored": {[]string{"198.51.100.7" +
			strings.Repeat(", "+via, 50)}, []string{"198.51.100.8" + strings.Repeat(", "+via, 50)},
			true},
	} {
		service.Clock.Advance(time.Minute)
		harness.AssertGranted(t, service.Issue(t, "install-12345",
			lines("X-Forwarded-For", pair.first)...),
			name)
		answer := service.Issue(t, "install-67890", lines("X-Forwarded-For", pair.second)...)
		if pair.same {
			harness.AssertThrottled(t, answer, "60", name)
		} else {
			harness.AssertGranted(t, answer, name)
		}
	}
}

// lines returns one header per value.
func lines(name string, values []string) []harness.Header {
	headers := make([]harness.Header, 0, len(values))
	for _, value := range values {
		headers = append(headers, harness.Header{name, value})
	}
	return headers
}

// TestUntrustedForwardingHeadersAreIgnored shows that forwarding headers of a peer that is
// not a trusted proxy have no effect.
func TestUntrustedForwardingHeadersAreIgnored(t *testing.T) {
	t.Parallel()
	for name, env := range map[string]harness.Env{
		"no proxy is trusted":     nil,
		"another peer is trusted": {"OFFLOAD_TRUSTED_PROXIES": "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			service := harness.Serve(t, one(env))
			stranger, other := service.From(t, "127.0.0.2"), service.From(t, "127.0.0.3")
			harness.AssertGranted(t, stranger.Issue(t, harness.InstallID(0)))
			for n, header := range []harness.Header{
				{"X-Forwarded-For", "198.51.100.7"}, {"Forwarded", "for=198.51.100.7"},
				{"X-Real-Ip", "198.51.100.7"},
				{"True-Client-Ip", "198.51.100.7"}, {"Cf-Connecting-Ip", "198.51.100.7"},
				{"X-Client-Ip", "198.51.100.7"},
			} {
				harness.AssertThrottled(t, stranger.Issue(t, harness.InstallID(1+n), header), "60",
					header[0])
			}
			harness.AssertGranted(t, other.Issue(t, harness.InstallID(9)),
				"another peer is another client")
		})
	}
}

func TestForwardedHeader(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, one(harness.Env{"OFFLOAD_TRUSTED_PROXIES": "127.0.0.1,10.0.0.0/8",
		"OFFLOAD_TRUSTED_PROXY_HEADER": "Forwarded"}))
	for name, pair := range map[string]struct {
		first, second string
		same          bool
	}{
		"one address":   {`for=198.51.100.7`, `For="198.51.100.7:80";proto=https`, true},
		"two addresses": {`for=198.51.100.7`, `for=198.51.100.8`, false},
		"the right-most": {`for=1.1.1.1, for=198.51.100.7`,
			`for=2.2.2.2,for=198.51.100.7;by=10.0.0.1`, true},
		"via a trusted proxy": {`for=198.51.100.7, for=10.0.0.1`, `for=198.51.100.7`, true},
		"IPv6":                {`for="[2001:db8::1]:4711"`, `for="[2001:db8::2]"`, true},
		"quoted commas":       {`for=198.51.100.7;host="a,for=1.1.1.1"`, `for=198.51.100.7`, true},
		"unknown": {`for=198.51.100.7, for=unknown`, `for=198.51.100.8, for=unknown`,
			true},
		"a malformed header": {`for=198.51.100.7, for="1.1.1.1`, `for=198.51.100.8, for="2.2.2.2`,
			true},
		"no for parameter": {`proto=https`, `host=sessiond`, true},
	} {
		service.Clock.Advance(time.Minute)
		harness.AssertGranted(t, service.Issue(t, "install-12345",
			harness.Header{"Forwarded", pair.first},
			harness.FromClient(1)), name)
		answer := service.Issue(t, "install-67890", harness.Header{"Forwarded", pair.second},
			harness.FromClient(2))
		if pair.same {
			harness.AssertThrottled(t, answer, "60", name)
		} else {
			harness.AssertGranted(t, answer, name)
		}
	}
}

// TestForgottenProxyIsLogged shows that, while no proxy is trusted, forwarding by a peer in a
// private range is logged once and counted each time: most likely the operator forgot to configure
// the proxy.
func TestForgottenProxyIsLogged(t *testing.T) {
	t.Parallel()
	const metric, event = "offload_forwarded_by_stranger_total", "forwarded_by_stranger"
	service := harness.Serve(t, nil)
	service.Issue(t, "install-12345")
	assert.Zero(t, service.Metric(t, metric))
	service.Issue(t, "install-12345", harness.FromClient(1))
	service.Issue(t, "install-12345", harness.Header{"Forwarded", "for=198.51.100.7"})
	assert.EqualValues(t, 2, service.Metric(t, metric))
	trusting := harness.Serve(t, harness.BehindProxy(nil))
	trusting.Issue(t, "install-12345", harness.FromClient(1))
	assert.Zero(t, trusting.Metric(t, metric))
	service.Stop(t)
	trusting.Stop(t)
	assert.Len(t, service.Log.Of(event), 1)
	assert.Empty(t, trusting.Log.Of(event))
}

// TestIPv6PrefixIsConfigurable shows that the operator chooses which IPv6 prefix counts as
// one client, since one customer holds a /64 or more.
func TestIPv6PrefixIsConfigurable(t *testing.T) {
	t.Parallel()
	for bits, pair := range map[int][3]string{
		32:  {"2001:db8::1", "2001:db8:ffff::1", "2001:db9::1"},
		48:  {"2001:db8:1::1", "2001:db8:1:ffff::1", "2001:db8:2::1"},
		56:  {"2001:db8:1:ab00::1", "2001:db8:1:abff::1", "2001:db8:1:ac00::1"},
		64:  {"2001:db8:1:2::1", "2001:db8:1:2:8000::1", "2001:db8:1:3::1"},
		127: {"2001:db8::2", "2001:db8::3", "2001:db8::4"},
	} {
		t.Run(fmt.Sprint(bits), func(t *testing.T) {
			service := harness.Serve(t, one(harness.BehindProxy(
				harness.Env{"OFFLOAD_LIMITER_IPV6_PREFIX": fmt.Sprint(bits)})))
			harness.AssertGranted(t, service.Issue(t, harness.InstallID(0),
				harness.ForwardedFor(pair[0])))
			harness.AssertThrottled(t, service.Issue(t, harness.InstallID(1),
				harness.ForwardedFor(pair[1])), "60",
				"the same client")
			harness.AssertGranted(t, service.Issue(t, harness.InstallID(2),
				harness.ForwardedFor(pair[2])),
				"another")
			harness.AssertGranted(t, service.Issue(t, harness.InstallID(3),
				harness.ForwardedFor("198.51.100.7")),
				"IPv4 is never cut")
			harness.AssertGranted(t, service.Issue(t, harness.InstallID(4),
				harness.ForwardedFor("198.51.100.8")))
		})
	}
	t.Run("128", func(t *testing.T) {
		service := harness.Serve(t, one(harness.BehindProxy(
			harness.Env{"OFFLOAD_LIMITER_IPV6_PREFIX": "128"})))
		harness.AssertGranted(t, service.Issue(t, harness.InstallID(0),
			harness.ForwardedFor("2001:db8::1")))
		harness.AssertGranted(t, service.Issue(t, harness.InstallID(1),
			harness.ForwardedFor("2001:db8::2")))
		harness.AssertThrottled(t, service.Issue(t, harness.InstallID(2),
			harness.ForwardedFor("2001:db8::2")), "60")
	})
	t.Run("IPv4 and the IPv6 address of the same bytes are two clients", func(t *testing.T) {
		service := harness.Serve(t, one(harness.BehindProxy(nil)))
		harness.AssertGranted(t, service.Issue(t, harness.InstallID(0),
			harness.ForwardedFor("0.1.0.2")))
		assert.Equal(t, 200, service.Issue(t, harness.InstallID(1),
			harness.ForwardedFor("::1:2")).Status)
	})
}
