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

// Suspend has the wall clock of j go ahead of the monotonic clock by what asleep returns, as on a
// machine that was suspended. It must be called before Start.
func Suspend(j *JWKS, asleep func() time.Duration) {
	j.now = func() moment {
		m := now()
		return moment{wall: m.wall.Add(asleep()), steady: m.steady}
	}
}

// Age returns the age of something after so much time on either clock.
func Age(wall, steady time.Duration) time.Duration {
	began := now()
	return moment{wall: began.wall.Add(wall), steady: began.steady.Add(steady)}.since(began)
}

// SetRequestWait replaces how long a request waits. It must be called before Start.
func SetRequestWait(j *JWKS, wait time.Duration) { j.requestWait = wait }

// SetReadTimeout replaces the timeout of one read. It must be called before Start.
func SetReadTimeout(j *JWKS, timeout time.Duration) { j.timeout = timeout }
