package api_test

import (
	"net/http"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/domain/clientaddr"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/ports/portsfake"
)

func TestClientAddress(t *testing.T) {
	proxy := clientaddr.NewTrusted(netip.MustParsePrefix("192.0.2.0/24"))
	for _, c := range []struct {
		name    string
		trusted clientaddr.Trusted
		header  clientaddr.Header
		headers []string
		want    string
	}{
		{"no trusted proxy: the peer", clientaddr.Trusted{}, clientaddr.XForwardedForHeader,
			[]string{"X-Forwarded-For", "203.0.113.5"}, "192.0.2.1"},
		{"a trusted proxy: the right-most address that is not trusted", proxy, clientaddr.XForwardedForHeader,
			[]string{"X-Forwarded-For", "198.51.100.1, 203.0.113.5"}, "203.0.113.5"},
		{"a header of several lines", proxy, clientaddr.XForwardedForHeader,
			[]string{"X-Forwarded-For", "203.0.113.5", "X-Forwarded-For", "192.0.2.7"},
			"203.0.113.5"},
		{"a forwarding header that is not configured is ignored", proxy, clientaddr.XForwardedForHeader,
			[]string{"Forwarded", "for=203.0.113.5"}, "192.0.2.1"},
		{"the Forwarded header, if it is configured", proxy, clientaddr.ForwardedHeader,
			[]string{"Forwarded", `for="[2001:db8::1]:80";proto=https`, "X-Forwarded-For",
				"203.0.113.5"}, "2001:db8::1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newTestAPI()
			d.api.Trusted, d.api.Header = c.trusted, c.header
			require.Equal(t, 200, d.do(post(goodBody, c.headers...)).StatusCode)
			assert.Equal(t, netip.MustParseAddr(c.want), d.issuance.IssueCalls()[0].Request.Client)
		})
	}
}

// TestClientAddressBehindASocket covers a proxy that connects through a Unix socket: it is trusted.
func TestClientAddressBehindASocket(t *testing.T) {
	for name, c := range map[string]struct {
		forwarded string
		want      netip.Addr
	}{
		"the proxy's client":           {"203.0.113.5", netip.MustParseAddr("203.0.113.5")},
		"beyond another proxy":         {"203.0.113.5, 192.0.2.1", netip.MustParseAddr("203.0.113.5")},
		"no header: one client":        {"", netip.Addr{}},
		"an entry that is no address":  {"203.0.113.5, unknown", netip.Addr{}},
		"invalid beyond another proxy": {"unknown, 192.0.2.1", netip.MustParseAddr("192.0.2.1")},
	} {
		t.Run(name, func(t *testing.T) {
			d := newTestAPI()
			d.api.Trusted = clientaddr.NewTrusted(netip.MustParsePrefix("192.0.2.0/24"))
			var headers []string
			if c.forwarded != "" {
				headers = []string{"X-Forwarded-For", c.forwarded}
			}
			r := post(goodBody, headers...)
			r.RemoteAddr = server.SocketPeer
			require.Equal(t, 200, d.do(r).StatusCode)
			assert.Equal(t, c.want, d.issuance.IssueCalls()[0].Request.Client)
		})
	}
}

func TestRecordsUntrustedProxy(t *testing.T) {
	proxy := clientaddr.NewTrusted(netip.MustParsePrefix("10.0.0.0/8"))
	for _, c := range []struct {
		name     string
		peer     string
		trusted  clientaddr.Trusted
		headers  []string
		reported bool
	}{
		{"a private peer with X-Forwarded-For", "10.1.2.3:4567", clientaddr.Trusted{},
			[]string{"X-Forwarded-For", "203.0.113.5"}, true},
		{"a private peer with Forwarded", "[fd00::1]:4567", clientaddr.Trusted{},
			[]string{"Forwarded", "for=203.0.113.5"}, true},
		{"a loopback peer", "127.0.0.1:4567", clientaddr.Trusted{},
			[]string{"X-Forwarded-For", "203.0.113.5"}, true},
		{"a private peer without forwarding headers", "10.1.2.3:4567", clientaddr.Trusted{}, nil, false},
		{"a public peer", "203.0.113.5:4567", clientaddr.Trusted{},
			[]string{"X-Forwarded-For", "10.1.2.3"}, false},
		{"a trusted peer", "10.1.2.3:4567", proxy,
			[]string{"X-Forwarded-For", "203.0.113.5"}, false},
		{"a private peer, while another proxy is trusted", "192.168.1.1:4567", proxy,
			[]string{"X-Forwarded-For", "203.0.113.5"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newTestAPI()
			events := &portsfake.Events{}
			d.api.Events, d.api.Trusted = events, c.trusted
			r := post(goodBody, c.headers...)
			r.RemoteAddr = c.peer
			require.Equal(t, 200, d.do(r).StatusCode)
			if !c.reported {
				assert.Empty(t, events.Recorded())
				return
			}
			assert.Equal(t, []ports.Event{ports.ForwardedByStranger{}}, events.Recorded())
		})
	}
}

// TestRecordsUntrustedProxyForAnyRequest covers clients that send invalid requests, and those
// that only verify.
func TestRecordsUntrustedProxyForAnyRequest(t *testing.T) {
	forwarded := []string{"X-Forwarded-For", "203.0.113.5"}
	for name, c := range map[string]struct {
		r      *http.Request
		status int
		times  int
	}{
		"invalid body is recorded": {post("{", forwarded...), 422, 1},
		"wrong media type is recorded": {post(goodBody,
			append(forwarded, "Content-Type", "text/plain")...), 415, 1},
		"current is recorded":    {get("/v1/sessions/current", forwarded...), 200, 1},
		"verify is recorded":     {get("/v1/sessions/verify/x", forwarded...), 200, 1},
		"health is not recorded": {get("/v1/health", forwarded...), 200, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d := newTestAPI()
			events := &portsfake.Events{}
			d.api.Events = events
			c.r.RemoteAddr = "10.1.2.3:4567"
			assert.Equal(t, c.status, d.do(c.r).StatusCode)
			reported := 0
			for _, event := range events.Recorded() {
				if event == (ports.ForwardedByStranger{}) {
					reported++
				}
			}
			assert.Equal(t, c.times, reported)
		})
	}
}
