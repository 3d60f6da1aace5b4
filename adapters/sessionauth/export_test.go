package sessionauth

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/offload/sessiond/domain/keys"
)

// ProxyFor returns the proxy that the package's own client uses for r, or nil.
func ProxyFor(r *http.Request) (*url.URL, error) {
	return newClient(nil).Transport.(*http.Transport).Proxy(r)
}

// Keyring returns the keys in force.
func Keyring(k Keys) *keys.Keyring { return k.keyring() }

// Refreshed returns the keys in force after an attempt to find a key that is not in current.
func Refreshed(ctx context.Context, k Keys, current *keys.Keyring) *keys.Keyring {
	newer, _ := k.refreshed(ctx, current)
	return newer
}

// SetReadTimeout replaces the timeout of one read. It must be called before Start.
func SetReadTimeout(j *JWKS, timeout time.Duration) { j.timeout = timeout }
