package sessionauth

import (
	"context"
	"net/http"
	"net/url"

	"github.com/offload/sessiond/domain/keys"
)

// ProxyOf is the proxy that the package's own client asks r through; nil for none.
func ProxyOf(r *http.Request) (*url.URL, error) {
	return clientOf(nil).Transport.(*http.Transport).Proxy(r)
}

// Ring is what is in force.
func Ring(k Keys) *keys.Keyring { return k.ring() }

// After is what is in force once more was done to find a key that is not in ring.
func After(ctx context.Context, k Keys, ring *keys.Keyring) *keys.Keyring {
	newer, _ := k.after(ctx, ring)
	return newer
}
