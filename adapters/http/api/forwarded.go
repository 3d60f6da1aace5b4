package api

import (
	"net/http"
	"net/netip"

	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/domain/clientaddr"
	"github.com/offload/sessiond/ports"
)

// HeaderForwarded is RFC 7239's; the other choice is HeaderXForwardedFor.
const (
	HeaderForwarded     = "Forwarded"
	HeaderXForwardedFor = "X-Forwarded-For"
)

// clientOf is the address of the client, as far as the hops before it are trusted.
func (a *API) clientOf(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{} // not a TCP peer: all such are one client
	}
	lines := r.Header.Values(a.Header)
	entries := clientaddr.XForwardedFor(lines)
	if a.Header == HeaderForwarded {
		entries = clientaddr.Forwarded(lines)
	}
	return clientaddr.Client(peer.Addr(), a.Trusted, entries)
}

// noticing is handle, and records whoever forwards from a private range while no proxy is trusted, whatever becomes of his request.
func (a *API) noticing(handle server.Handler) server.Handler {
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

// forwards tells whether a request has headers that proxies write.
func forwards(header http.Header) bool {
	return header.Get(HeaderXForwardedFor) != "" || header.Get(HeaderForwarded) != ""
}
