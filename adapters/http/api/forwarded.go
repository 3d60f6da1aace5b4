package api

import (
	"net/http"
	"net/netip"

	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/domain/clientaddr"
	"github.com/offload/sessiond/ports"
)

// clientOf returns the client's address, as far as the proxies in front of it are trusted.
func (a *API) clientOf(r *http.Request) netip.Addr {
	entries := a.Header.Entries(r.Header[a.Header.String()])
	if r.RemoteAddr == server.SocketPeer {
		return clientaddr.ClientBehindSocket(a.Trusted, entries)
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{} // not a TCP peer: all of these count as one client
	}
	return clientaddr.Client(peer.Addr(), a.Trusted, entries)
}

// recordingForwarders wraps handle. It records peers in private ranges that send forwarding headers
// while no proxy is trusted, whatever the outcome of the request.
func (a *API) recordingForwarders(handle server.Handler) server.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if a.Trusted.IsEmpty() && forwards(r.Header) {
			if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil &&
				clientaddr.IsPrivate(peer.Addr()) {
				a.Events.Record(r.Context(), ports.ForwardedByStranger{})
			}
		}
		return handle(w, r)
	}
}

// forwards reports whether header has a forwarding header that is not empty.
func forwards(header http.Header) bool {
	for _, name := range clientaddr.Headers() {
		if values := header[name.String()]; len(values) > 0 && values[0] != "" {
			return true
		}
	}
	return false
}
