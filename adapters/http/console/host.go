package console

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/offload/sessiond/adapters/http/envelope"
	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/ports"
)

// policy is the Content-Security-Policy. It lets the page load its stylesheet, and nothing else: no
// script, image, frame or form.
const policy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; " +
	"frame-ancestors 'none'"

// protect adds the headers that protect the operator's browser to every response, also to refusals
// and errors. It refuses requests whose Host is neither an address, localhost nor one of the
// configured names. A web page whose own name resolves to this address (DNS rebinding) makes the
// browser send that name, and must not be able to read the console.
func (c *Console) protect(next server.Handler) server.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		header := w.Header()
		header.Set("Content-Security-Policy", policy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		if c.expects(r.Host) {
			return next(w, r)
		}
		c.Events.Record(r.Context(), ports.ConsoleRefused{})
		header.Set(envelope.HeaderContentType, "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusMisdirectedRequest)
		// The write error is ignored: the client may have gone away.
		_, _ = w.Write([]byte("This host name may not read the console. Ask by address or as " +
			"localhost, or add the name to " + c.HostsVariable + ".\n"))
		return nil
	}
}

// expects reports whether host, with or without a port, may read the console.
func (c *Console) expects(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	bare := host
	if strings.HasPrefix(bare, "[") && strings.HasSuffix(bare, "]") {
		bare = bare[1 : len(bare)-1]
	}
	if _, err := netip.ParseAddr(bare); err == nil {
		return true
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || slices.Contains(c.Hosts, host)
}
